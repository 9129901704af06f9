//! Which source a secret's value is read from.

use crate::base::{Error, Result};
use crate::manifest::{Manifest, Secret, SourceKind};
use crate::source::Reference;

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

fn list(names: &[&String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}
