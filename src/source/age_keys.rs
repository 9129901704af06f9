//! Private halves of user keys in local age files.
//!
//! `ssh-user-key.USER.LABEL.age` holds a key in OpenSSH's format, so `age -d … | ssh-add -` takes it; behind it stand the
//! dates, which OpenSSH passes over. `….previous.age` and `….archived.age` hold the keys before.

use crate::base::{Error, Result, SecretBytes, SecretName, files};
use crate::bundle::{MAX_PAYLOAD, decrypt};
use crate::source::age::Identities;
use crate::source::{KeptKey, KeyPlace, KeyRecord, KeyStore, Reference};
use ssh_key::PrivateKey;
use std::path::PathBuf;

const END: &[u8] = b"-----END OPENSSH PRIVATE KEY-----\n";
const CREATED: &str = "created: ";
const DELETE_AFTER: &str = "delete after: ";

/// Encrypts to all who may read local age files.
pub type Encrypt<'a> = dyn Fn(&SecretBytes) -> Result<Vec<u8>> + 'a;

/// A directory of age files with user keys.
pub struct AgeKeys<'a> {
    directory: PathBuf,
    identities: Box<Identities<'a>>,
    encrypt: Box<Encrypt<'a>>,
}

impl<'a> AgeKeys<'a> {
    /// The files in `directory`, opened with `identities` and written with `encrypt`.
    pub fn new(directory: PathBuf, identities: Box<Identities<'a>>, encrypt: Box<Encrypt<'a>>) -> Self {
        Self { directory, identities, encrypt }
    }

    fn file(&self, place: &KeyPlace, which: &str) -> Result<PathBuf> {
        Ok(self.directory.join(format!("{}.age", name(place, which)?)))
    }

    /// A key and the date behind which it may be deleted.
    fn get(&self, place: &KeyPlace, which: &str) -> Result<Option<(KeptKey, String)>> {
        let path = self.file(place, which)?;
        let Some(file) = files::read(&path, MAX_PAYLOAD)? else { return Ok(None) };
        let at = |e: Error| e.context(format!("cannot open {}", path.display()));
        let text = decrypt(&file, &(self.identities)()?, MAX_PAYLOAD).map_err(at)?;
        parse(&text).map(Some).map_err(at)
    }

    fn put(&self, place: &KeyPlace, which: &str, key: Option<(&KeptKey, &str)>) -> Result<()> {
        let path = self.file(place, which)?;
        let Some((key, delete_after)) = key else { return files::remove(&path).map(drop) };
        let mut text = SecretBytes::with_capacity(key.private.len() + 128);
        text.extend(key.private.expose());
        text.extend(format!("{CREATED}{}\n", key.created).as_bytes());
        if !delete_after.is_empty() {
            text.extend(format!("{DELETE_AFTER}{delete_after}\n").as_bytes());
        }
        files::make_directories(&self.directory)?;
        files::write(&path, &(self.encrypt)(&text)?, files::PUBLIC)
    }
}

fn name(place: &KeyPlace, which: &str) -> Result<SecretName> {
    SecretName::new(format!("ssh-user-key.{}.{}{which}", place.user, place.label))
        .map_err(|e| e.context(format!("the key {} {}", place.user, place.label)).hint("use a shorter label"))
}

fn parse(text: &SecretBytes) -> Result<(KeptKey, String)> {
    let broken = || Error::new("it holds no user key as pkeys writes it");
    let bytes = text.expose();
    let end = bytes.windows(END.len()).position(|window| window == END).ok_or_else(broken)? + END.len();
    let (key, dates) = bytes.split_at(end);
    let dates = std::str::from_utf8(dates).map_err(|_| broken())?;
    let date = |what: &str| dates.lines().find_map(|line| line.strip_prefix(what)).map(str::to_owned);
    let private = SecretBytes::copy_of(key);
    let public = PrivateKey::from_openssh(private.expose()).ok().and_then(|key| key.public_key().to_openssh().ok());
    let created = date(CREATED).ok_or_else(broken)?;
    let public = public.ok_or_else(broken)?;
    Ok((KeptKey { private, public, created }, date(DELETE_AFTER).unwrap_or_default()))
}

impl KeyStore for AgeKeys<'_> {
    fn read(&self, place: &KeyPlace) -> Result<Option<KeyRecord>> {
        let alone = |found: Option<(KeptKey, String)>| found.map(|(key, _)| key);
        let record = KeyRecord {
            current: alone(self.get(place, "")?),
            previous: alone(self.get(place, ".previous")?),
            archived: self.get(place, ".archived")?,
        };
        Ok((record != KeyRecord::default()).then_some(record))
    }

    /// The older keys are written before the newer, and removed after them: a killed run loses none.
    fn write(&self, place: &KeyPlace, record: &KeyRecord) -> Result<()> {
        let before = self.read(place)?.unwrap_or_default();
        let archived = record.archived.as_ref().map(|(key, until)| (key, until.as_str()));
        let plain = |key: &'_ Option<KeptKey>| key.is_some();
        if archived.is_some() && before.archived != record.archived {
            self.put(place, ".archived", archived)?;
        }
        if plain(&record.previous) && before.previous != record.previous {
            self.put(place, ".previous", record.previous.as_ref().map(|key| (key, "")))?;
        }
        if before.current != record.current {
            self.put(place, "", record.current.as_ref().map(|key| (key, "")))?;
        }
        if record.previous.is_none() {
            self.put(place, ".previous", None)?;
        }
        if record.archived.is_none() {
            self.put(place, ".archived", None)?;
        }
        match self.read(place)?.unwrap_or_default() == *record {
            true => Ok(()),
            false => {
                Err(Error::new("what was read back is not what was stored").hint("is the disk all right? run it again"))
            }
        }
    }

    fn reference(&self, place: &KeyPlace) -> Result<Reference> {
        name(place, "").map(Reference::Age)
    }
}
