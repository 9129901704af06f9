//! Real logins with the users' keys: those that are authorized must work, those that are not must be refused.

use crate::base::{Error, HostName, Result, SecretBytes, UserName};
use crate::keys::{PublicHalf, UserKey, UserKeys, hosts_of};
use crate::manifest::Repository;
use crate::operator::Keys;
use crate::remote::{self, Login, LoginKey, Target};
use crate::render::Sources;
use crate::rotate::{is_half_of, key_store};
use crate::source::{KeptKey, KeyPlace};
use ssh_key::PrivateKey;
use std::collections::BTreeSet;

/// Keys that are ready to log in.
pub struct Logins {
    keys: Vec<Key>,
    /// Keys that cannot be tried, and why; one for each.
    pub problems: Vec<Error>,
}

struct Key {
    name: String,
    user: UserName,
    key: LoginKey,
    hosts: BTreeSet<HostName>,
    expected: Login,
}

/// A login that was tried.
#[derive(Clone, Debug)]
pub struct LoginSeen {
    /// `ann laptop`, with the fingerprint.
    pub key: String,
    /// What should happen.
    pub expected: Login,
    /// What happened; `None` when the host did not say.
    pub found: Option<Login>,
}

impl Logins {
    /// Reads every private half that pkeys can: of the keys in `keys.toml`, and of those that rotations replaced and that
    /// are still kept. May ask for passphrases.
    ///
    /// # Errors
    /// If `keys.toml` cannot be read.
    pub fn prepare(repository: &Repository, keys: &Keys) -> Result<Self> {
        let all = UserKeys::load(repository)?;
        let mut logins = Self { keys: Vec::new(), problems: Vec::new() };
        let held = all.all().iter().filter(|key| key.is_rotatable());
        let places: BTreeSet<KeyPlace> = held.map(UserKey::place).collect();
        for place in places {
            if let Err(e) = logins.add_place(repository, keys, &all, &place) {
                logins.problems.push(e.context(format!("{} {} was not tried", place.user, place.label)));
            }
        }
        Ok(logins)
    }

    fn add_place(&mut self, repository: &Repository, keys: &Keys, all: &UserKeys, place: &KeyPlace) -> Result<()> {
        let record = key_store(repository, keys, &place.user)?.0.read(place)?.unwrap_or_default();
        let archived = record.archived.map(|(kept, _)| kept);
        let mut kept: Vec<KeptKey> = [record.current, record.previous, archived].into_iter().flatten().collect();
        for key in all.labelled(&place.user, &place.label).filter(|key| key.is_rotatable()) {
            let private = match kept.iter().position(|kept| is_half_of(kept, key)) {
                Some(at) => kept.swap_remove(at).private,
                None => elsewhere(repository, keys, key)?,
            };
            let hosts = hosts_of(repository.manifest(), key).into_iter().cloned();
            let (taken, refused): (BTreeSet<_>, BTreeSet<_>) =
                hosts.partition(|host| key.state.is_authorized() && !key.revoked.contains(host));
            for (hosts, expected) in [(taken, Login::Accepted), (refused, Login::Refused)] {
                if !hosts.is_empty() {
                    self.add(key.name(), &place.user, &key.public, &private, hosts, expected)?;
                }
            }
        }
        // What is left was replaced: no host of the user may take it.
        let selectors = repository.manifest().users.get(&place.user).map(|user| &user.hosts[..]).unwrap_or_default();
        let hosts: BTreeSet<HostName> = repository.manifest().selected(selectors).cloned().collect();
        for old in kept {
            let public = PublicHalf::parse(&old.public)?;
            if !all.of(&place.user).any(|key| key.public.is_same_key(&public)) {
                let name = format!("{} {} of before", place.user, place.label);
                self.add(name, &place.user, &public, &old.private, hosts.clone(), Login::Refused)?;
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        name: String,
        user: &UserName,
        public: &PublicHalf,
        private: &SecretBytes,
        hosts: BTreeSet<HostName>,
        expected: Login,
    ) -> Result<()> {
        let line = public.to_string();
        // A key that must be refused is only offered: its public half is enough for that.
        let key = if expected == Login::Accepted { LoginKey::pair(&line, private) } else { LoginKey::public(&line) };
        let name = format!("{name} {}", public.fingerprint());
        self.keys.push(Key { name, user: user.clone(), key: key?, hosts, expected });
        Ok(())
    }

    /// Logs in to a host with every key that is for it: what happened, and what of it is wrong.
    pub(super) fn of(&self, host: &HostName, target: &Target) -> (Vec<LoginSeen>, Vec<Error>) {
        let (mut seen, mut wrong) = (Vec::new(), Vec::new());
        for key in self.keys.iter().filter(|key| key.hosts.contains(host)) {
            let found = remote::login(target, &key.user, &key.key);
            match &found {
                Ok(found) if *found == key.expected => {}
                Ok(Login::Refused) => wrong.push(
                    Error::new(format!("it refuses {}", key.name))
                        .hint(format!("does {} exist there, with a login shell? docs/rotation.md", key.user)),
                ),
                Ok(Login::Accepted) => wrong.push(Error::new(format!("it still accepts {}", key.name)).hint(format!(
                    "`pkeys rotate {0}` if one is under way; else look in ~{0}/.ssh/authorized_keys there",
                    key.user
                ))),
                Err(e) => wrong.push(e.clone().context(format!("{} was not proven", key.name))),
            }
            seen.push(LoginSeen { key: key.name.clone(), expected: key.expected, found: found.ok() });
        }
        (seen, wrong)
    }
}

/// The private half of a key that is kept by others, such as an item of the operator's own.
fn elsewhere(repository: &Repository, keys: &Keys, key: &UserKey) -> Result<SecretBytes> {
    let reference = key.private.as_ref().ok_or_else(|| Error::new("it has no private half"))?;
    let value = Sources::new(repository, keys).read_reference(reference)?;
    let parsed = PrivateKey::from_openssh(value.bytes.expose()).ok();
    let public = parsed.and_then(|private| PublicHalf::of(&private, "").ok());
    match public.is_some_and(|public| public.is_same_key(&key.public)) {
        true => Ok(value.bytes),
        false => {
            Err(Error::new("what is at its reference is not its private half").hint("correct `private` in keys.toml"))
        }
    }
}
