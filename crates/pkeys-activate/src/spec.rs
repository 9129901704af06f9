//! The spec: what the NixOS module wants of a host. JSON, without secrets. `docs/spec.md` describes it.

use pkeys_bundle::base::error::is_field_name;
use pkeys_bundle::base::{Error, FleetId, HostName, Result, SecretName, unique};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The whole spec.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Spec {
    /// Always 1.
    pub version: u32,
    /// The host's name; a bundle for another host is refused.
    #[cfg_attr(test, schemars(with = "String"))]
    pub host: HostName,
    /// The fleet of the host; a bundle of another fleet is refused. Without it, that of the system's own bundle.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub fleet: Option<FleetId>,
    /// Directories that may hold a bundle. The highest generation that verifies and decrypts wins.
    pub bundles: Vec<PathBuf>,
    /// Private keys that open it, tried in order: SSH host keys, age identity files.
    pub identities: Vec<PathBuf>,
    /// SSH public keys whose signature on a bundle counts.
    pub trusted_signers: Vec<String>,
    /// How secrets are placed, by their name in the bundle. A secret that is not named here is root:root 0400.
    #[serde(default, deserialize_with = "unique::map")]
    #[cfg_attr(test, schemars(with = "BTreeMap<String, Secret>"))]
    pub secrets: BTreeMap<SecretName, Secret>,
    /// Files that are made from secrets on the host, by their name.
    #[serde(default, deserialize_with = "unique::map")]
    #[cfg_attr(test, schemars(with = "BTreeMap<String, Template>"))]
    pub templates: BTreeMap<SecretName, Template>,
    /// Where a new SSH host key that comes with the bundle is put. Without it, none is taken.
    #[serde(default)]
    pub host_key: Option<HostKey>,
    /// Where pkeys remembers which links it made outside `/run`; holds no secret.
    #[serde(default = "state_directory")]
    pub state_directory: PathBuf,
    /// How many generations stay in memory, the current one included.
    #[serde(default = "one")]
    pub keep_generations: u32,
}

/// Where the host has its SSH host key.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HostKey {
    /// The private key's file; the public half is beside it, with `.pub` at its end.
    pub path: PathBuf,
    /// systemd units to reload when it changes.
    #[serde(default)]
    pub reload_units: Vec<String>,
}

/// How one secret is placed.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    /// When it is needed.
    #[serde(default)]
    pub phase: Phase,
    /// Owner, mode, links and units.
    #[serde(flatten)]
    pub file: FileSettings,
}

/// One file made from secrets.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// Its text; `@pkeys:NAME@` stands for the secret NAME.
    pub content: String,
    /// Owner, mode, links and units.
    #[serde(flatten)]
    pub file: FileSettings,
}

/// Owner, mode, links and units of a file.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct FileSettings {
    /// Where it shall be found; a link is made there. Default: only under `/run/pkeys`.
    pub path: Option<PathBuf>,
    /// The owner's login name. Default: root. Not together with `uid`.
    pub owner: Option<String>,
    /// The owner's number.
    pub uid: Option<u32>,
    /// The group's name. Default: root. Not together with `gid`.
    pub group: Option<String>,
    /// The group's number.
    pub gid: Option<u32>,
    /// The mode in octal, such as "0440". Others get nothing.
    pub mode: String,
    /// More places where a link is made.
    pub symlinks: Vec<PathBuf>,
    /// systemd units to restart when it changes.
    pub restart_units: Vec<String>,
    /// systemd units to reload when it changes.
    pub reload_units: Vec<String>,
    #[cfg_attr(test, schemars(skip))]
    #[serde(flatten)]
    pub(super) unknown: BTreeMap<String, serde::de::IgnoredAny>,
}

impl Default for FileSettings {
    fn default() -> Self {
        Self {
            path: None,
            owner: None,
            uid: None,
            group: None,
            gid: None,
            mode: "0400".into(),
            symlinks: Vec::new(),
            restart_units: Vec::new(),
            reload_units: Vec::new(),
            unknown: BTreeMap::new(),
        }
    }
}

/// When a secret is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Before users are made; it is under `/run/pkeys-for-users`.
    Users,
    /// Before services start; it is under `/run/pkeys`.
    #[default]
    Services,
}

impl Phase {
    /// The link to the current generation.
    pub fn base(self) -> &'static str {
        match self {
            Self::Users => "/run/pkeys-for-users",
            Self::Services => "/run/pkeys",
        }
    }
}

fn state_directory() -> PathBuf {
    "/var/lib/pkeys".into()
}

fn one() -> u32 {
    1
}

impl Spec {
    /// Reads and checks a spec.
    ///
    /// # Errors
    /// Says what cannot be, and where.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let spec: Self = serde_json::from_slice(bytes).map_err(|e| {
            let said = e.to_string();
            // Other messages have values between these marks.
            let named = ["unknown", "missing", "duplicate"]
                .iter()
                .find_map(|what| said.strip_prefix(what)?.strip_prefix(" field `"));
            let field = named.and_then(|rest| rest.split_once('`')).filter(|(field, _)| is_field_name(field));
            let hint = match field {
                Some((field, _)) => format!("look at `{field}`; docs/spec.md lists every field"),
                None => "docs/spec.md lists every field".into(),
            };
            Error::new(format!("the spec cannot be read (line {}, column {})", e.line(), e.column())).hint(hint)
        })?;
        spec.check()?;
        Ok(spec)
    }

    /// Where a pushed bundle is stored.
    pub(super) fn pushed(&self) -> PathBuf {
        self.state_directory.join("bundle")
    }
}

impl FileSettings {
    /// The places where links to it are wanted.
    pub fn links(&self) -> impl Iterator<Item = &PathBuf> {
        self.path.iter().chain(&self.symlinks)
    }

    /// The mode as a number.
    ///
    /// # Errors
    /// When it is not octal, or gives something to others.
    pub fn mode(&self) -> Result<u32> {
        let digits = self.mode.bytes().all(|b| b.is_ascii_digit());
        let mode = u32::from_str_radix(&self.mode, 8)
            .ok()
            .filter(|mode| self.mode.len() >= 3 && digits && *mode & !0o770 == 0);
        mode.ok_or_else(|| {
            Error::new("the mode cannot be").hint("three or four octal digits, nothing for others: \"0440\"")
        })
    }
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
