//! The last step: the old key is removed everywhere, seen to be refused, and archived.

use crate::base::{Error, Result, UserName};
use crate::grants;
use crate::keys::{State, UserKey, UserKeys};
use crate::remote::{self, Login, LoginKey, Target};
use crate::rotate::hosts::Waiting;
use crate::rotate::{Event, Rotation, make::is_half_of, store::archived_until};
use crate::source::{KeptKey, KeyRecord};

impl Rotation<'_> {
    /// Returns the hosts that are waited for; `None` when the old key is gone.
    pub(super) fn revoke(&self, mut keys: UserKeys) -> Result<Option<Waiting>> {
        let old = self.key(&keys, State::Retiring)?.clone();
        let new = self.key(&keys, State::Active)?.clone();
        let record = self.store.read(&self.place)?.unwrap_or_default();
        let KeyRecord { current, previous, archived } = record;
        let archived_before =
            archived.as_ref().filter(|(kept, _)| is_half_of(kept, &old)).map(|(_, until)| until.clone());
        let archived = archived.map(|(kept, _)| kept);
        let mut kept = [current, previous, archived].into_iter().flatten().collect::<Vec<_>>();
        let mut take = |key: &UserKey| -> Result<KeptKey> {
            let place = kept.iter().position(|kept| is_half_of(kept, key));
            place.map(|place| kept.swap_remove(place)).ok_or_else(|| {
                Error::new(format!("the private half of the {} key of {} is not kept", key.state, key.name()))
                    .hint("restore it in the store, or finish by hand: docs/rotation.md")
            })
        };
        let (old_half, new_half) = (take(&old)?, take(&new)?);

        let (now, mut waiting) = self.open(&old);
        // Of the old key the public half is enough: the host says whether it would accept it.
        let old_key = LoginKey::public(&old.public.to_string())?;
        let new_key = LoginKey::pair(&new.public.to_string(), &new_half.private)?;
        let attempt = |target: &Target| is_gone(target, (&old, &old_key), (&new, &new_key));
        waiting.extend(self.try_each(&mut keys, &old, &now, attempt, Event::Refused)?);
        if !waiting.is_empty() {
            return Ok(Some(waiting));
        }
        // A killed run may have archived it already.
        let until = archived_before.unwrap_or_else(archived_until);
        let record = KeyRecord { current: Some(new_half), previous: None, archived: Some((old_half, until.clone())) };
        self.store.write(&self.place, &record)?;
        let reference = self.store.reference(&self.place)?;
        keys.change(&new.user, &new.label, State::Active, |key| key.private = Some(reference))?;
        keys.remove(&old.user, &old.label, State::Retiring);
        self.log("removed", old.public.fingerprint())?;
        grants::save_keys(self.repository, &keys)?;
        self.commit("the old key is gone")?;
        (self.tell)(&Event::Archived(until));
        Ok(None)
    }
}

/// That a host authorizes a key by itself.
pub(super) fn still_accepted(user: &UserName) -> Error {
    Error::new("it still accepts the old key, which pkeys does not authorize any more").hint(format!(
        "it is authorized elsewhere too: ~{user}/.ssh/authorized_keys, or users.users.{user}.openssh.authorizedKeys"
    ))
}

/// Whether a host refuses the old key and accepts the new one.
fn is_gone(
    target: &Target,
    (old, old_key): (&UserKey, &LoginKey),
    (new, new_key): (&UserKey, &LoginKey),
) -> Result<()> {
    if remote::login(target, &old.user, old_key)? == Login::Accepted {
        return Err(still_accepted(&old.user));
    }
    if remote::login(target, &new.user, new_key)? == Login::Refused {
        return Err(Error::new("it does not accept the new key any more")
            .hint(format!("`pkeys rotate --abort {}` goes back to the old key", new.user)));
    }
    Ok(())
}
