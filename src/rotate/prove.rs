//! The second step: both keys are authorized, and the new one is proven by a login on every host.

use crate::base::{Error, Result, UserName};
use crate::grants;
use crate::keys::{State, UserKeys, hosts_of};
use crate::remote::{self, Login, LoginKey, Target};
use crate::rotate::hosts::Waiting;
use crate::rotate::{Event, Rotation, make::is_half_of};

impl Rotation<'_> {
    /// Returns the hosts that are waited for; `None` when the new key is proven everywhere and is the active one now.
    pub(super) fn prove(&self, mut keys: UserKeys) -> Result<Option<Waiting>> {
        let pending = self.key(&keys, State::Pending)?.clone();
        let (now, mut waiting) = self.open(&pending);
        if !now.is_empty() {
            let record = self.store.read(&self.place)?.unwrap_or_default();
            let kept = [record.current, record.previous].into_iter().flatten().find(|kept| is_half_of(kept, &pending));
            let kept = kept.ok_or_else(|| {
                Error::new(format!("the private half of the new key of {} is not where it was stored", pending.name()))
                    .hint(format!("`pkeys rotate --abort {}` goes back to the old key", self.place.user))
            })?;
            let key = LoginKey::pair(&pending.public.to_string(), &kept.private)?;
            let attempt = |target: &Target| match remote::login(target, &pending.user, &key)? {
                Login::Accepted => Ok(()),
                Login::Refused => Err(not_accepted(&pending.user)),
            };
            waiting.extend(self.try_each(&mut keys, &pending, &now, attempt, Event::Proven)?);
        }
        if !waiting.is_empty() {
            return Ok(Some(waiting));
        }
        let proven = hosts_of(self.repository.manifest(), &pending).len();
        keys.promote(&self.place.user, &self.place.label)?;
        self.log("active", pending.public.fingerprint())?;
        grants::save_keys(self.repository, &keys)?;
        self.commit("the new key is proven")?;
        (self.tell)(&Event::Promoted(proven));
        Ok(None)
    }
}

fn not_accepted(user: &UserName) -> Error {
    Error::new("it has the new key, and its sshd does not accept it").hint(format!(
        "does {user} exist there, with a login shell, and does sshd read /run/pkeys/authorized_keys/%u? docs/rotation.md"
    ))
}
