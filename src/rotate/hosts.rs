//! What every step does with its hosts: bring them to what `keys.toml` says, then try each by a login.

use crate::base::{Error, HostName, Result, parallel};
use crate::grants;
use crate::keys::{UserKey, UserKeys, hosts_of};
use crate::push::{self, Options};
use crate::remote::Target;
use crate::rotate::{Event, Rotation, Scope, deploy};

/// Hosts that a step waits for, and why.
pub(super) type Waiting = Vec<(HostName, Error)>;

impl Rotation<'_> {
    /// The hosts of a key that are not proven yet: those of this run, and those that are waited for.
    pub(super) fn open(&self, key: &UserKey) -> (Vec<HostName>, Waiting) {
        let open = hosts_of(self.repository.manifest(), key).into_iter().filter(|host| !key.proven.contains(*host));
        let (now, later): (Vec<_>, Vec<_>) =
            open.cloned().partition(|host| self.hosts.is_empty() || self.hosts.contains(host));
        let left_out = || Error::new("it is not among the hosts of this run").hint("run it again without --host");
        (now, later.into_iter().map(|host| (host, left_out())).collect())
    }

    /// Deploys to these hosts, then tries each, many at once. Where that succeeds the key is proven, and `keys.toml` says
    /// so; returns the other hosts.
    pub(super) fn try_each(
        &self,
        keys: &mut UserKeys,
        key: &UserKey,
        hosts: &[HostName],
        attempt: impl Fn(&Target) -> Result<()> + Sync,
        worked: impl Fn(HostName) -> Event + Sync,
    ) -> Result<Waiting> {
        if hosts.is_empty() {
            return Ok(Vec::new());
        }
        let tell = self.tell;
        let done = |host: &HostName| tell(&Event::Deployed(host.clone()));
        let warn = |line: &str| tell(&Event::Warned(line.into()));
        let options = Options { leeway: self.leeway, ..Options::default() };
        let deployed = deploy(self.repository, self.keys, hosts, Scope::All, options, &done, &warn)?;
        let tried = parallel::each(hosts, parallel::AT_ONCE, |host| {
            deployed.on(host)?;
            attempt(&push::target(self.repository.manifest(), host)?)?;
            tell(&worked(host.clone()));
            Ok(())
        });
        let mut waiting = Vec::new();
        for (host, result) in hosts.iter().zip(tried) {
            match result {
                Ok(()) => keys.prove(&key.user, &key.label, key.state, host)?,
                Err(e) => waiting.push((host.clone(), e)),
            }
        }
        grants::save_keys(self.repository, keys)?;
        Ok(waiting)
    }
}
