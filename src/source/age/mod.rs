//! Local age files: `secrets/NAME.age`, opened with the operator's identities; `keys` keeps user keys in some of them.

mod dates;
mod keys;
mod moves;

pub use keys::AgeKeys;

use crate::base::files::{self, Beneath};
use crate::base::{Error, Result, SecretName};
use crate::bundle::{Identity, MAX_PAYLOAD, decrypt};
use crate::source::{Reference, Source, Value, Version};
use std::rc::Rc;

/// Gives the operator's identities when they are first needed; asks for a passphrase then, once.
pub type Identities<'a> = dyn Fn() -> Result<Rc<Vec<Identity>>> + 'a;

/// Gives the version of a file's value, or refuses a file that nobody vouches for.
pub type Vouch<'a> = dyn Fn(&SecretName, &[u8]) -> Result<Version> + 'a;

/// A directory of age files.
pub struct AgeFiles<'a> {
    directory: Beneath,
    identities: Box<Identities<'a>>,
    vouch: Box<Vouch<'a>>,
}

impl<'a> AgeFiles<'a> {
    /// The files in `directory`; `identities` is called when the first one is opened, `vouch` for each before it is.
    pub fn new(directory: Beneath, identities: Box<Identities<'a>>, vouch: Box<Vouch<'a>>) -> Self {
        Self { directory, identities, vouch }
    }

    fn path(&self, name: &SecretName) -> Beneath {
        self.directory.join(format!("{name}.age"))
    }

    fn file(&self, reference: &Reference) -> Result<(SecretName, Vec<u8>)> {
        let Reference::Age(name) = reference else {
            return Err(Error::new("that reference is not to a local age file"));
        };
        let path = self.path(name);
        let missing = || {
            Error::new(format!("there is no {}", path.display())).hint(format!("make it: `pkeys secret set {name}`"))
        };
        Ok((name.clone(), files::read(&path, MAX_PAYLOAD)?.ok_or_else(missing)?))
    }

    fn value(&self, reference: &Reference) -> Result<Value> {
        let (name, file) = self.file(reference)?;
        let version = (self.vouch)(&name, &file)?;
        let identities = (self.identities)()?;
        let bytes = decrypt(&file, &identities, MAX_PAYLOAD).map_err(|e| {
            e.context(format!("cannot decrypt {name}.age")).hint(
                "is this operator a recipient of it? another operator can run `pkeys secret rekey` after adding you",
            )
        })?;
        Ok(Value { bytes, version })
    }
}

impl Source for AgeFiles<'_> {
    fn versions(&self, references: &[&Reference]) -> Vec<Result<Version>> {
        let version = |reference| self.file(reference).and_then(|(name, file)| (self.vouch)(&name, &file));
        references.iter().copied().map(version).collect()
    }

    fn read(&self, references: &[&Reference]) -> Vec<Result<Value>> {
        references.iter().map(|reference| self.value(reference)).collect()
    }
}
