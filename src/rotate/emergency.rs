//! A stolen key: taken off every host that can be reached without it, before anything else.

use crate::audit::{self, Action};
use crate::base::{Error, HostName, Result, parallel};
use crate::grants;
use crate::keys::{State, UserKey, UserKeys, hosts_of};
use crate::policy::Leeway;
use crate::push::{self, Options};
use crate::remote::{self, Login, LoginKey};
use crate::rotate::hosts::Waiting;
use crate::rotate::{End, Event, Rotation, Scope, Step, deploy};
use std::collections::BTreeMap;

impl Rotation<'_> {
    /// Takes the active key off every host that another key reaches, and sees that it is refused there; then rotates it, if
    /// pkeys holds its private half, or else removes it once every host refuses it. Running it again goes on.
    ///
    /// # Errors
    /// When a step failed for a reason that is not one host's.
    pub fn emergency(&self) -> Result<End> {
        let mut keys = UserKeys::load(self.repository)?;
        if Step::of(&keys, &self.place) == Step::Revoke {
            // It is authorized nowhere any more.
            return self.run();
        }
        let rotatable = self.key(&keys, State::Active)?.is_rotatable();
        // What keeps a new key from being made does not keep the stolen one where it is: a policy, or an operator whom nobody
        // has accepted.
        let mut denied = None;
        if rotatable && Step::of(&keys, &self.place) == Step::Make {
            denied = self.make(keys).unwrap_or_else(Some);
            keys = UserKeys::load(self.repository)?;
        }
        let stolen = self.key(&keys, State::Active)?.clone();
        let mut open = self.withdraw(&mut keys, &stolen)?;
        let withdrawn: Vec<_> = self.key(&keys, State::Active)?.revoked.iter().cloned().collect();
        open.extend(self.refused(&stolen, &withdrawn)?);
        for (host, error) in &open {
            (self.tell)(&Event::Open(host.clone(), error.clone()));
        }
        if let Some(denied) = denied {
            return Err(denied.context("the stolen key is withdrawn where it can be, and no new one was made"));
        }
        if rotatable {
            return self.run();
        }
        if !open.is_empty() {
            return Ok(End::Waiting(open));
        }
        keys.remove(&stolen.user, &stolen.label, State::Active);
        self.log("removed", stolen.public.fingerprint())?;
        grants::save_keys(self.repository, &keys)?;
        self.commit("the stolen key is gone")?;
        Ok(End::Done)
    }

    /// Marks the key as revoked on the hosts that can be reached without it. Returns the others.
    fn withdraw(&self, keys: &mut UserKeys, stolen: &UserKey) -> Result<Waiting> {
        let manifest = self.repository.manifest();
        let hosts: Vec<_> =
            hosts_of(manifest, stolen).into_iter().filter(|host| !stolen.revoked.contains(*host)).cloned().collect();
        let fingerprint = stolen.public.fingerprint();
        let others = keys.of(&stolen.user).filter(|key| key.state == State::Active && key.label != stolen.label);
        let others = others.map(|key| Ok((key, public(key)?))).collect::<Result<Vec<_>>>()?;
        let reached = parallel::each(&hosts, parallel::AT_ONCE, |host| {
            let target = push::target(manifest, host)?;
            if !remote::login_keys(&target)?.contains(&fingerprint) {
                return Ok(());
            }
            for (key, public) in others.iter().filter(|(key, _)| key.is_for(host, manifest)) {
                if remote::login(&target, &key.user, public)? == Login::Accepted {
                    return Ok(());
                }
            }
            Err(Error::new("you reach it with the stolen key alone: without it nobody could log in")
                .hint("give it another key of yours first; or let the rotation go on, which proves the new key before"))
        });
        let mut open = Vec::new();
        let mut withdrawn = Vec::new();
        for (host, result) in hosts.into_iter().zip(reached) {
            match result {
                Ok(()) => withdrawn.push(host),
                Err(e) => open.push((host, e)),
            }
        }
        if !withdrawn.is_empty() {
            let action = Action::new("rotate").text("user", &stolen.user).text("label", &stolen.label);
            let action = action.text("step", "emergency").text("fingerprint", &fingerprint).list("hosts", &withdrawn);
            audit::append(self.repository, &[action])?;
            keys.change(&stolen.user, &stolen.label, State::Active, |key| key.revoked.extend(withdrawn))?;
            grants::save_keys(self.repository, keys)?;
        }
        Ok(open)
    }

    /// Deploys to these hosts and sees that each refuses the key. Returns the others.
    fn refused(&self, stolen: &UserKey, hosts: &[HostName]) -> Result<Waiting> {
        let warn = |line: &str| (self.tell)(&Event::Warned(line.into()));
        let options = Options { leeway: Leeway::Emergency, ..Options::default() };
        let deployed = deploy(self.repository, self.keys, hosts, Scope::KeysFirst, options, &|_| {}, &warn)?;
        self.commit("the stolen key is withdrawn")?;
        let public = public(stolen)?;
        let tell = self.tell;
        let looked = parallel::each(hosts, parallel::AT_ONCE, |host| {
            deployed.on(host)?;
            match remote::login(&push::target(self.repository.manifest(), host)?, &stolen.user, &public)? {
                Login::Refused => tell(&Event::Withdrawn(host.clone())),
                Login::Accepted => return Err(super::revoke::still_accepted(&stolen.user)),
            }
            Ok(())
        });
        let errors = hosts.iter().cloned().zip(looked).filter_map(|(host, result)| Some((host, result.err()?)));
        Ok(errors.collect::<BTreeMap<_, _>>().into_iter().collect())
    }
}

fn public(key: &UserKey) -> Result<LoginKey> {
    LoginKey::public(&key.public.to_string())
}
