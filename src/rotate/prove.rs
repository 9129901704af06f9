//! The second step: both keys are authorized, and the new one is proven by a login on every host.

use crate::base::{Error, HostName, Result, parallel};
use crate::keys::{State, UserKeys, hosts_of};
use crate::operator::MemoryDirectory;
use crate::remote::{self, Agent, Login};
use crate::rotate::{Event, Rotation, address, left_out, make::is_half_of};

/// Hosts that a step waits for, and why.
pub(super) type Waiting = Vec<(HostName, Error)>;

impl Rotation<'_> {
    /// Returns the hosts that are waited for; `None` when the new key is proven everywhere and is the active one now.
    pub(super) fn prove(&self, mut keys: UserKeys) -> Result<Option<Waiting>> {
        let pending = self.key(&keys, State::Pending)?.clone();
        let all: Vec<HostName> = hosts_of(self.repository.manifest(), &pending).into_iter().cloned().collect();
        let open: Vec<_> = all.iter().filter(|host| !pending.proven.contains(*host)).cloned().collect();
        let (now, later): (Vec<_>, Vec<_>) = open.into_iter().partition(|host| self.includes(host));
        let mut waiting: Waiting = later.into_iter().map(|host| (host, left_out())).collect();
        if !now.is_empty() {
            let record = self.store.read(&self.place)?.unwrap_or_default();
            let kept = [record.current, record.previous].into_iter().flatten().find(|kept| is_half_of(kept, &pending));
            let kept = kept.ok_or_else(|| {
                Error::new(format!("the private half of the new key of {} is not where it was stored", pending.name()))
                    .hint(format!("`pkeys rotate --abort {}` goes back to the old key", self.place.user))
            })?;
            let deployed = self.deploy(&now)?;
            let memory = MemoryDirectory::new("agent")?;
            let agent = Agent::start(memory.path(), "new", &kept.private, &pending.public.to_string())?;
            let fingerprint = pending.public.fingerprint();
            let (repository, tell) = (self.repository, self.tell);
            let tried = parallel::each(&now, parallel::AT_ONCE, |host| {
                deployed.get(host).cloned().unwrap_or_else(|| Err(Error::new("it was not pushed")))?;
                match remote::login(address(repository, host)?, &pending.user, &fingerprint, &agent)? {
                    Login::Accepted => {
                        tell(&Event::Proven(host.clone()));
                        Ok(())
                    }
                    Login::Refused => Err(not_accepted(&pending.user)),
                }
            });
            for (host, result) in now.into_iter().zip(tried) {
                match result {
                    Ok(()) => keys.prove(&self.place.user, &self.place.label, &host)?,
                    Err(e) => waiting.push((host, e)),
                }
            }
            keys.save(self.repository)?;
        }
        if !waiting.is_empty() {
            return Ok(Some(waiting));
        }
        keys.promote(&self.place.user, &self.place.label)?;
        self.log("active", pending.public.fingerprint())?;
        keys.save(self.repository)?;
        (self.tell)(&Event::Promoted(all.len()));
        Ok(None)
    }
}

fn not_accepted(user: &crate::base::UserName) -> Error {
    Error::new("it has the new key, and its sshd does not accept it").hint(format!(
        "does {user} exist there, with a login shell, and does sshd read /run/pkeys/authorized_keys/%u? docs/rotation.md"
    ))
}
