//! The operator's configuration directory: where their identity and signing key are, and what they allow that no
//! repository may.

use crate::base::places::config_directory;
use crate::base::{Error, Result, files};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the operator's own files are. Environment first, then `config.toml`, then the files that `pkeys init` makes.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Files of identities that open local age secrets.
    pub identities: Vec<PathBuf>,
    /// The SSH private key that signs bundles.
    pub signing_key: Option<PathBuf>,
    /// The age plugins that may be run: `yubikey` for `age-plugin-yubikey`.
    pub plugins: Vec<String>,
    /// Files of CA certificates, in PEM, by the address of the Connect server.
    pub ca_files: BTreeMap<String, PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    identities: Vec<PathBuf>,
    signing_key: Option<PathBuf>,
    #[serde(default)]
    plugins: Vec<String>,
    #[serde(default)]
    connect: BTreeMap<String, Connect>,
}

/// `[connect."https://connect.example.org"]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Connect {
    ca_file: PathBuf,
}

impl Config {
    /// Reads the configuration; a file that is not there is an empty one.
    ///
    /// # Errors
    /// When `config.toml` cannot be read or parsed.
    pub fn load() -> Result<Self> {
        let directory = config_directory()?;
        let path = Self::file(&directory);
        let text = files::read(&path, 1024 * 1024)?.unwrap_or_default();
        let text = String::from_utf8(text).map_err(|_| Error::new(format!("{} is not UTF-8", path.display())))?;
        let file: File = toml::from_str(&text).map_err(|_| {
            Error::new(format!("invalid {}", path.display())).hint(
                "it may hold `identities = [\"PATH\"]`, `signing-key = \"PATH\"`, `plugins = [\"NAME\"]` and \
                 `[connect.\"https://SERVER\"]` with `ca-file = \"PATH\"`",
            )
        })?;
        let environment = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let there = |path: PathBuf| Ok(files::exists(&path)?.then_some(path));
        let own = [Self::post_quantum_file(&directory), Self::identity_file(&directory)];
        let identities = match environment("PKEYS_IDENTITY") {
            Some(path) => vec![path],
            None if file.identities.is_empty() => {
                own.into_iter().map(there).filter_map(Result::transpose).collect::<Result<_>>()?
            }
            None => file.identities.into_iter().map(|p| directory.join(p)).collect(),
        };
        let own = Self::signing_key_file(&directory);
        let named = environment("PKEYS_SIGNING_KEY").or_else(|| file.signing_key.map(|p| directory.join(p)));
        let signing_key = if named.is_some() { named } else { there(own)? };
        let ca_files = file.connect.into_iter().map(|(server, connect)| (server, directory.join(connect.ca_file)));
        Ok(Self { identities, signing_key, plugins: file.plugins, ca_files: ca_files.collect() })
    }

    /// Where the pointers to existing keys are kept.
    pub fn file(directory: &Path) -> PathBuf {
        directory.join("config.toml")
    }

    /// The identity that `pkeys init` makes.
    pub fn identity_file(directory: &Path) -> PathBuf {
        directory.join("identity.txt")
    }

    /// The identity that `pkeys init --post-quantum` makes. The other one, if there is one, goes on opening what is old.
    pub fn post_quantum_file(directory: &Path) -> PathBuf {
        directory.join("identity-pq.txt")
    }

    /// The signing key that `pkeys init` makes.
    pub fn signing_key_file(directory: &Path) -> PathBuf {
        directory.join("signing-key")
    }

    /// The text of a `config.toml` that points to existing keys.
    pub fn text(identity: Option<&Path>, signing_key: Option<&Path>) -> String {
        let quote = |path: &Path| toml_edit::Value::from(path.to_string_lossy().into_owned()).to_string();
        let mut text = String::from("# Where pkeys finds this operator's keys. Written by `pkeys init`.\n");
        if let Some(path) = identity {
            text += &format!("identities = [{}]\n", quote(path));
        }
        if let Some(path) = signing_key {
            text += &format!("signing-key = {}\n", quote(path));
        }
        text
    }
}
