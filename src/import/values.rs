//! The values themselves, in memory only.

use super::declared::Origin;
use super::sops_program::sops;
use crate::base::files::{self, Beneath};
use crate::base::{Error, Result, SecretBytes};
use crate::bundle::{self, Identity, MAX_PAYLOAD};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Opens what other tools encrypted. Each sops file is opened once.
pub struct Values<'a> {
    root: &'a Path,
    identities: &'a [Identity],
    tell: &'a dyn Fn(&str),
    opened: BTreeMap<PathBuf, SecretBytes>,
}

impl<'a> Values<'a> {
    /// For the files of a repository. `tell` is called with each line of what other programs say.
    pub fn new(root: &'a Path, identities: &'a [Identity], tell: &'a dyn Fn(&str)) -> Self {
        Self { root, identities, tell, opened: BTreeMap::new() }
    }

    /// A value; `None` for one that stays where it is.
    ///
    /// # Errors
    /// When the file is not there or cannot be opened, or has no such value. Nothing of it is repeated.
    pub fn read(&mut self, origin: &Origin) -> Result<Option<SecretBytes>> {
        match origin {
            Origin::Reference(_) => Ok(None),
            Origin::Age(path) => self.age(path).map(Some),
            Origin::Sops(path, keys) if keys.is_empty() => {
                sops(&self.inside(path)?, None, self.tell).map_err(|e| e.context(path.display())).map(Some)
            }
            Origin::Sops(path, keys) => self.of_sops(path, keys).map_err(|e| e.context(path.display())).map(Some),
        }
    }

    fn age(&self, path: &Path) -> Result<SecretBytes> {
        let file = files::read(&Beneath::root(self.root)?.join(path), MAX_PAYLOAD)?.ok_or_else(|| {
            Error::new(format!("there is no {}", path.display())).hint("restore it, or remove the secret")
        })?;
        bundle::decrypt(&file, self.identities, MAX_PAYLOAD).map_err(|e| {
            e.context(path.display()).hint("name a key that opens it: --identity FILE, such as ~/.ssh/id_ed25519")
        })
    }

    fn of_sops(&mut self, path: &Path, keys: &[String]) -> Result<SecretBytes> {
        if !self.opened.contains_key(path) {
            let all = sops(&self.inside(path)?, Some("json"), self.tell)?;
            self.opened.insert(path.into(), all);
        }
        let all: Value = serde_json::from_slice(self.opened[path].expose())
            .map_err(|_| Error::new("what sops printed is not JSON").hint("is that the `sops` of getsops?"))?;
        let missing = || Error::new(format!("it has no value at {}", keys.join("/"))).hint("correct `key`");
        let mut at = &all;
        for key in keys {
            at = match at {
                Value::Array(list) => key.parse::<usize>().ok().and_then(|number| list.get(number)),
                other => other.get(key),
            }
            .ok_or_else(missing)?;
        }
        match at {
            Value::String(text) => Ok(SecretBytes::copy_of(text.as_bytes())),
            Value::Number(number) => Ok(SecretBytes::new(number.to_string().into_bytes())),
            Value::Bool(value) => Ok(SecretBytes::new(value.to_string().into_bytes())),
            _ => Err(missing()),
        }
    }

    fn inside(&self, path: &Path) -> Result<PathBuf> {
        let place = self.root.join(path);
        let real =
            place.canonicalize().map_err(|e| Error::io("read", &place, &e).hint("restore it, or remove the secret"))?;
        if real.starts_with(self.root) {
            return Ok(real);
        }
        Err(Error::new(format!("{} leads out of the repository", path.display())).hint("copy the file into it"))
    }
}
