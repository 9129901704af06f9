//! The last step: the old key is removed everywhere, seen to be refused, and archived.

use crate::base::{Error, Result, parallel};
use crate::keys::{State, UserKey, UserKeys, hosts_of};
use crate::operator::MemoryDirectory;
use crate::remote::{self, Agent, Login};
use crate::rotate::prove::Waiting;
use crate::rotate::{Event, Rotation, address, left_out, make::is_half_of, store::archived_until};
use crate::source::{KeptKey, KeyRecord};

impl Rotation<'_> {
    /// Returns the hosts that are waited for; `None` when the old key is gone.
    pub(super) fn revoke(&self, mut keys: UserKeys) -> Result<Option<Waiting>> {
        let old = self.key(&keys, State::Retiring)?.clone();
        let new = self.key(&keys, State::Active)?.clone();
        let record = self.store.read(&self.place)?.unwrap_or_default();
        let KeyRecord { current, previous, archived } = record;
        let (archived, until) = archived.unzip();
        let mut kept = [current, previous, archived].into_iter().flatten().collect::<Vec<_>>();
        let mut take = |key: &UserKey| -> Result<KeptKey> {
            let place = kept.iter().position(|kept| is_half_of(kept, key));
            place.map(|place| kept.swap_remove(place)).ok_or_else(|| {
                Error::new(format!("the private half of the {} key of {} is not kept", key.state, key.name()))
                    .hint("restore it in the store, or finish by hand: docs/rotation.md")
            })
        };
        let (old_half, new_half) = (take(&old)?, take(&new)?);

        let open = hosts_of(self.repository.manifest(), &old).into_iter().filter(|host| !old.proven.contains(*host));
        let (now, later): (Vec<_>, Vec<_>) = open.cloned().partition(|host| self.includes(host));
        let mut waiting: Waiting = later.into_iter().map(|host| (host, left_out())).collect();
        if !now.is_empty() {
            let deployed = self.deploy(&now)?;
            let memory = MemoryDirectory::new("agent")?;
            let old_agent = Agent::start(memory.path(), "old", &old_half.private, &old.public.to_string())?;
            let new_agent = Agent::start(memory.path(), "new", &new_half.private, &new.public.to_string())?;
            let (repository, tell) = (self.repository, self.tell);
            let tried = parallel::each(&now, parallel::AT_ONCE, |host| {
                deployed.get(host).cloned().unwrap_or_else(|| Err(Error::new("it was not pushed")))?;
                is_gone(address(repository, host)?, (&old, &old_agent), (&new, &new_agent))?;
                tell(&Event::Refused(host.clone()));
                Ok(())
            });
            for (host, result) in now.into_iter().zip(tried) {
                match result {
                    Ok(()) => keys.change(&old.user, &old.label, State::Retiring, |key| {
                        key.proven.insert(host);
                    })?,
                    Err(e) => waiting.push((host, e)),
                }
            }
            keys.save(self.repository)?;
        }
        if !waiting.is_empty() {
            return Ok(Some(waiting));
        }
        let until = match until {
            // A killed run has archived it already.
            Some(until) if old_half_is_archived(&self.store.read(&self.place)?, &old) => until,
            _ => archived_until(),
        };
        let record = KeyRecord { current: Some(new_half), previous: None, archived: Some((old_half, until.clone())) };
        self.store.write(&self.place, &record)?;
        let reference = self.store.reference(&self.place)?;
        keys.change(&new.user, &new.label, State::Active, |key| key.private = Some(reference))?;
        keys.remove(&old.user, &old.label, State::Retiring);
        self.log("removed", old.public.fingerprint())?;
        keys.save(self.repository)?;
        (self.tell)(&Event::Archived(until));
        Ok(None)
    }
}

/// Whether a host refuses the old key and accepts the new one.
fn is_gone(address: &str, (old, old_agent): (&UserKey, &Agent), (new, new_agent): (&UserKey, &Agent)) -> Result<()> {
    if remote::login(address, &old.user, &old.public.fingerprint(), old_agent)? == Login::Accepted {
        return Err(Error::new("it still accepts the old key, which pkeys does not authorize any more").hint(format!(
            "it is authorized elsewhere too: ~{}/.ssh/authorized_keys, or users.users.{0}.openssh.authorizedKeys",
            old.user
        )));
    }
    if remote::login(address, &new.user, &new.public.fingerprint(), new_agent)? == Login::Refused {
        return Err(Error::new("it does not accept the new key any more")
            .hint(format!("`pkeys rotate --abort {}` goes back to the old key", new.user)));
    }
    Ok(())
}

fn old_half_is_archived(record: &Option<KeyRecord>, old: &UserKey) -> bool {
    let archived = record.as_ref().and_then(|record| record.archived.as_ref());
    archived.is_some_and(|(kept, _)| is_half_of(kept, old))
}
