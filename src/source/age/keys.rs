//! Private halves of user keys in local age files, one file for each key and nothing else in it.
//!
//! `ssh-user-key.USER.LABEL.age` holds the newest; `….previous.age` and `….archived.age` the others; `….json` what is
//! public of them. A dot in a user or label is doubled, so that no two places share a file.

use super::dates::Dates;
use super::moves::{self, Content, Step};
use super::{AgeFiles, Identities};
use crate::base::files::{self, Beneath};
use crate::base::{Error, Result, SecretBytes, SecretName};
use crate::bundle::sha256_hex;
use crate::source::{KeptKey, KeyPlace, KeyRecord, KeyStore, Reference, Version, pair};

/// The ends of the names, in the order of [`Held`].
const FILES: [&str; 3] = ["", ".previous", ".archived"];

/// What the files of a place hold: the current, the previous and the archived private key.
type Held<T> = [Option<T>; 3];

/// Encrypts to all who may read local age files.
pub type Encrypt<'a> = dyn Fn(&SecretBytes) -> Result<Vec<u8>> + 'a;

/// A directory of age files that keeps private halves of user keys.
///
/// Whoever writes holds the repository's lock: nothing here keeps two programs apart.
pub struct AgeKeys<'a> {
    files: AgeFiles<'a>,
    encrypt: Box<Encrypt<'a>>,
}

impl<'a> AgeKeys<'a> {
    /// The files in `directory`, read with `identities` and written with `encrypt`, which encrypts to the operators and
    /// to break-glass.
    pub fn new(directory: Beneath, identities: Box<Identities<'a>>, encrypt: Box<Encrypt<'a>>) -> Self {
        // What is read is compared with its public key.
        let vouch = |_: &SecretName, file: &[u8]| Ok(Version(format!("sha256:{}", sha256_hex(file))));
        Self { files: AgeFiles::new(directory, identities, Box::new(vouch)), encrypt }
    }

    fn path(&self, place: &KeyPlace, file: usize) -> Result<Beneath> {
        Ok(self.files.path(&name(place, FILES[file])?))
    }

    fn dates(&self, place: &KeyPlace) -> Result<Beneath> {
        Ok(self.files.directory.join(format!("{}.json", name(place, "")?)))
    }

    fn private(&self, place: &KeyPlace, file: usize) -> Result<Option<SecretBytes>> {
        let name = name(place, FILES[file])?;
        if !files::exists(&self.files.path(&name))? {
            return Ok(None);
        }
        self.files.value(&Reference::Age(name)).map(|value| Some(value.bytes))
    }

    fn held(&self, place: &KeyPlace) -> Result<Held<SecretBytes>> {
        Ok([self.private(place, 0)?, self.private(place, 1)?, self.private(place, 2)?])
    }

    /// Writes one file, and reads it back.
    fn put(&self, place: &KeyPlace, file: usize, private: &SecretBytes) -> Result<()> {
        let path = self.path(place, file)?;
        let sealed = (self.encrypt)(private)?;
        files::write(&path, &sealed, files::PUBLIC)?;
        let unproven = || {
            Error::new(format!("{} was written, but what is read from it is something else", path.display()))
                .hint("look after the disk, and run it again: that is safe")
        };
        let read = self.private(place, file).map_err(|e| {
            e.context(format!("{} was written, but cannot be read back", path.display()))
                .hint("this operator's identity must be among [operators] in pkeys.toml, to prove what was written")
        })?;
        if read.as_ref() == Some(private) { Ok(()) } else { Err(unproven()) }
    }
}

impl KeyStore for AgeKeys<'_> {
    fn read(&self, place: &KeyPlace) -> Result<Option<KeyRecord>> {
        let dates_file = self.dates(place)?;
        let dates = Dates::read(&dates_file)?;
        let paths = [self.path(place, 0)?, self.path(place, 1)?, self.path(place, 2)?];
        let [current, previous, archived] = self.held(place)?;
        let unknown = |file: usize| {
            Error::new(format!("{} does not belong to {}", paths[file].display(), dates_file.display()))
                .hint("restore both as git has them; no other program should write them")
        };
        let known = |file: usize, private: Option<SecretBytes>| {
            let Some(private) = private else { return Ok(None) };
            let at = |e: Error| e.context(paths[file].display());
            let entry = dates.find(&pair::fingerprint(&private).map_err(at)?).ok_or_else(|| unknown(file))?;
            let key = KeptKey { private, public: entry.public.clone(), created: entry.created.clone() };
            pair::check(&key).map_err(at)?;
            Ok(Some((key, entry.delete_after.clone())))
        };
        let archived = known(2, archived)?
            .map(|(key, after)| Ok::<_, Error>((key, after.ok_or_else(|| unknown(2))?)))
            .transpose()?;
        let (current, previous) = (known(0, current)?, known(1, previous)?);
        let record =
            KeyRecord { current: current.map(|(key, _)| key), previous: previous.map(|(key, _)| key), archived };
        Ok(Some(record).filter(|record| !record.is_empty()))
    }

    fn write(&self, place: &KeyPlace, record: &KeyRecord) -> Result<()> {
        pair::check_record(record)?;
        let old = self.held(place)?;
        let new: Held<&SecretBytes> = [
            record.current.as_ref().map(|key| &key.private),
            record.previous.as_ref().map(|key| &key.private),
            record.archived.as_ref().map(|(key, _)| &key.private),
        ];
        let all: Vec<&SecretBytes> = old.iter().flatten().chain(new.into_iter().flatten()).collect();
        let number = |key: Option<&SecretBytes>| -> Content { all.iter().position(|one| Some(*one) == key) };
        let (from, to) = (old.each_ref().map(|key| number(key.as_ref())), new.map(number));

        let dates_file = self.dates(place)?;
        let dates = Dates::of_record(record)?;
        if !record.is_empty() {
            files::make_directories(&self.files.directory)?;
            dates.and(Dates::read(&dates_file)?).write(&dates_file)?;
        }
        for step in moves::plan(from, to) {
            match step {
                Step::Put(file, content) => self.put(place, file, all[content])?,
                Step::Remove(file) => drop(files::remove(&self.path(place, file)?)?),
                Step::Exchange(one, other) => {
                    files::exchange_files(&self.path(place, one)?, &self.path(place, other)?)?
                }
            }
        }
        if record.is_empty() {
            files::remove(&dates_file)?;
            return Ok(());
        }
        dates.write(&dates_file)?;
        if self.read(place)?.as_ref() == Some(record) {
            return Ok(());
        }
        Err(Error::new(format!("the age files of key {} of {} do not hold what was written", place.label, place.user))
            .hint("does another program write them? run it again: that is safe"))
    }

    fn reference(&self, place: &KeyPlace) -> Result<Reference> {
        name(place, "").map(Reference::Age)
    }

    fn previous_reference(&self, place: &KeyPlace) -> Result<Reference> {
        name(place, FILES[1]).map(Reference::Age)
    }
}

impl std::fmt::Debug for AgeKeys<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AgeKeys({})", self.files.directory.display())
    }
}

/// The name of a place's file.
fn name(place: &KeyPlace, end: &str) -> Result<SecretName> {
    SecretName::new(format!("{}{end}", place.file_name())).map_err(|_| {
        Error::new(format!("the name of {}'s key {} is too long", place.user, place.label)).hint("use a shorter label")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{KeyLabel, UserName};
    use std::collections::BTreeSet;

    fn place(user: &str, label: &str) -> KeyPlace {
        KeyPlace { user: UserName::new(user).unwrap(), label: KeyLabel::new(label).unwrap() }
    }

    #[test]
    fn files_are_named_after_the_place() {
        assert_eq!(name(&place("ann", "laptop"), "").unwrap().as_str(), "ssh-user-key.ann.laptop");
        assert_eq!(name(&place("ann", "laptop"), ".previous").unwrap().as_str(), "ssh-user-key.ann.laptop.previous");
        assert_eq!(name(&place("_a.b", "c.d"), "").unwrap().as_str(), "ssh-user-key._a..b.c..d");
        let long = name(&place("ann", &"x".repeat(120)), "").unwrap_err();
        assert_eq!(long.next_step(), Some("use a shorter label"));
    }

    #[test]
    fn no_two_places_share_a_file() {
        let parts = ["a", "b", "a.b", "a.", "a..", "a.previous", "b.previous", "previous", "a.b.archived", "a-", "a.."];
        let mut seen = BTreeSet::new();
        for user in parts.iter().copied().collect::<BTreeSet<_>>() {
            for label in parts.iter().copied().collect::<BTreeSet<_>>() {
                for end in FILES {
                    assert!(seen.insert(name(&place(user, label), end).unwrap()), "{user} {label} {end}");
                }
            }
        }
    }
}
