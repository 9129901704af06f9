//! Which source a secret's value is read from.

use crate::base::{Error, HostName, Result};
use crate::manifest::{Manifest, Secret, SourceKind};
use crate::source::{KeyPlace, Reference};

/// One value's place: a source of the manifest, and the reference in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The source's name in the manifest.
    pub source: String,
    /// The address in it.
    pub reference: Reference,
}

impl Origin {
    /// Where a secret's value comes from.
    ///
    /// # Errors
    /// When no source fits, or several do.
    pub fn of(manifest: &Manifest, secret: &Secret) -> Result<Self> {
        Self::find(manifest, &secret.from, secret.source.as_ref())
    }

    /// Where a reference's value comes from: of the sources of its kind the one that was named, or the only one.
    ///
    /// # Errors
    /// When no source fits, or several do.
    pub fn find(manifest: &Manifest, reference: &Reference, named: Option<&String>) -> Result<Self> {
        let kind = match reference {
            Reference::Op(_) => SourceKind::Connect,
            Reference::Age(_) => SourceKind::Age,
        };
        let fitting: Vec<_> = manifest.sources.iter().filter(|(_, s)| s.kind == kind).map(|(name, _)| name).collect();
        let source = match (named, &fitting[..]) {
            (Some(named), fitting) if fitting.contains(&named) => named.clone(),
            (Some(_), _) => {
                return Err(Error::new("its `source` is not one of pkeys.toml that can hold such a reference")
                    .hint(format!("known: {}", list(&fitting))));
            }
            (None, [one]) => (*one).clone(),
            (None, []) => match kind {
                SourceKind::Age => "age".into(),
                SourceKind::Connect => "connect".into(),
            },
            (None, several) => {
                return Err(Error::new("several sources can hold such a reference")
                    .hint(format!("say which: source = one of {}", list(several))));
            }
        };
        Ok(Self { source, reference: reference.clone() })
    }
}

/// Refuses references that are no secrets: users' private keys, and host keys of other hosts, which only `host-key` and
/// `next-host-key` of their own host name. A copy of such a file under another name has no signed statement.
///
/// # Errors
/// If the value must not be delivered there.
pub fn check_delivery(reference: &Reference, own_host_key: Option<&HostName>) -> Result<()> {
    let Reference::Age(name) = reference else { return Ok(()) };
    let file = name.as_str();
    let own = own_host_key.is_some_and(|host| host_key_names(host).iter().any(|own| own == file));
    if KeyPlace::is_file_name(name) || file.starts_with(HOST_KEY) && !own {
        return Err(Error::new(format!("age:{name} is a private key, and no secret for a host"))
            .hint("if a program there needs a key: make one of its own, and `pkeys secret set NAME < KEY-FILE`"));
    }
    Ok(())
}

/// What the names of files with hosts' private keys start with.
const HOST_KEY: &str = "ssh-host-key.";

/// The names of the age files of a host's key: the one that it has, and the next one while that is on its way.
pub fn host_key_names(host: &HostName) -> [String; 2] {
    [format!("{HOST_KEY}{host}"), format!("{HOST_KEY}{host}.next")]
}

fn list(names: &[&String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}
