//! The first step: a new key, stored and read back before anything else knows of it.

use crate::base::{Error, Result, SecretBytes};
use crate::grants;
use crate::keys::{PublicHalf, State, UserKey, UserKeys, today};
use crate::operator::new_ssh_key;
use crate::policy::Gate;
use crate::render::Sources;
use crate::rotate::{Event, Rotation};
use crate::source::{KeptKey, KeyRecord};
use ssh_key::{LineEnding, PrivateKey};
use std::collections::BTreeSet;

impl Rotation<'_> {
    /// Returns the denial where a policy forbids the new key: then nothing was made.
    pub(super) fn make(&self, mut keys: UserKeys) -> Result<Option<Error>> {
        let active = self.key(&keys, State::Active)?.clone();
        if !active.is_rotatable() {
            return Err(Error::new(format!("pkeys does not hold the private half of {}", active.name())).hint(
                format!(
                    "make a new key by hand, `pkeys key add {} NEW-LABEL`, then `pkeys key remove {}`",
                    active.user,
                    active.name()
                ),
            ));
        }
        let record = self.with_new_key(&active)?;
        let new = record.current.as_ref().ok_or_else(|| Error::new("the new key vanished"))?;
        let public = PublicHalf::parse(&new.public)?.with_comment(&active.name());
        let fingerprint = public.fingerprint();
        let pending = UserKey {
            state: State::Pending,
            public,
            added: today(),
            private: Some(self.store.reference(&self.place)?),
            proven: BTreeSet::new(),
            revoked: BTreeSet::new(),
            ..active.clone()
        };
        keys.add(pending.clone())?;
        if let Err(denied) = Gate::open(self.repository, &keys, self.leeway)?.admit(&pending) {
            return Ok(Some(denied));
        }
        self.store.write(&self.place, &record)?;
        let previous = self.store.previous_reference(&self.place)?;
        keys.change(&self.place.user, &self.place.label, State::Active, |key| key.private = Some(previous))?;
        self.log("pending", fingerprint.clone())?;
        grants::save_successor(self.repository, &keys, &active, &pending)?;
        self.commit("a new key is made")?;
        (self.tell)(&Event::Made(fingerprint));
        Ok(None)
    }

    /// What is to be kept: a new key, and the active one as the previous. One that a killed run stored is on no host, and is
    /// not taken: anybody can encrypt a key to the operators and put it there.
    fn with_new_key(&self, active: &UserKey) -> Result<KeyRecord> {
        let kept = self.store.read(&self.place)?.unwrap_or_default();
        let is_active = |kept: &Option<KeptKey>| kept.as_ref().is_some_and(|kept| is_half_of(kept, active));
        let previous = match kept.current {
            current if is_active(&current) => current,
            Some(_) if is_active(&kept.previous) => kept.previous,
            Some(_) => {
                return Err(Error::new(format!(
                    "what is kept for {} is another key than the active one",
                    active.name()
                ))
                .hint("is keys.toml of an older commit? `git pull`; else add the kept key by `pkeys key add --from`"));
            }
            None => Some(self.elsewhere(active)?),
        };
        let made = new_ssh_key(&active.name())?;
        let current = KeptKey { private: made.private, public: made.public, created: today().to_string() };
        Ok(KeyRecord { current: Some(current), previous, archived: kept.archived })
    }

    /// The active key, where its private half is not kept by pkeys itself.
    fn elsewhere(&self, active: &UserKey) -> Result<KeptKey> {
        let sources = Sources::new(self.repository, self.keys);
        let reference = active.private.as_ref().ok_or_else(|| Error::new("it has no private half"))?;
        let value = sources.read_reference(reference)?;
        let parsed = PrivateKey::from_openssh(value.bytes.expose()).ok().filter(|key| !key.is_encrypted());
        // In our own words, so that what is read back is what was written.
        let kept = parsed.and_then(|key| {
            let private = SecretBytes::copy_of(key.to_openssh(LineEnding::LF).ok()?.as_bytes());
            let public = key.public_key().to_openssh().ok()?;
            Some(KeptKey { private, public, created: active.added.to_string() })
        });
        kept.filter(|kept| is_half_of(kept, active)).ok_or_else(|| {
            Error::new(format!("what is at the reference of {} is not its private half", active.name()))
                .hint("correct `private` in keys.toml")
        })
    }
}

/// Whether a kept key is that of an entry of `keys.toml`.
pub fn is_half_of(kept: &KeptKey, key: &UserKey) -> bool {
    PublicHalf::parse(&kept.public).is_ok_and(|public| public.is_same_key(&key.public))
}
