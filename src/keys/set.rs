//! All user keys, and the changes that keep them consistent.

use crate::base::{Error, HostName, KeyLabel, Result, UserName};
use crate::keys::{State, UserKey};
use std::collections::{BTreeMap, BTreeSet};

/// The keys of `keys.toml`, sorted by user, label and state.
///
/// Always true: user, label and state together are unique, and no user has the same public key twice. A change that
/// would break this is refused and changes nothing. Nothing is written but by [`Self::save`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserKeys {
    pub(super) keys: Vec<UserKey>,
}

impl UserKeys {
    /// All keys, sorted by user, label and state.
    pub fn all(&self) -> &[UserKey] {
        &self.keys
    }

    /// The keys of a user.
    pub fn of<'a>(&'a self, user: &'a UserName) -> impl Iterator<Item = &'a UserKey> {
        self.keys.iter().filter(move |key| key.user == *user)
    }

    /// The keys of a user that have this label: more than one while it is being rotated.
    pub fn labelled<'a>(&'a self, user: &'a UserName, label: &'a KeyLabel) -> impl Iterator<Item = &'a UserKey> {
        self.of(user).filter(move |key| key.label == *label)
    }

    /// One key.
    pub fn find(&self, user: &UserName, label: &KeyLabel, state: State) -> Option<&UserKey> {
        self.keys.iter().find(|key| is(key, user, label, state))
    }

    /// Adds a key.
    ///
    /// # Errors
    /// When there is one with its user, label and state, or the user has this public key already.
    pub fn add(&mut self, key: UserKey) -> Result<()> {
        let mut keys = self.keys.clone();
        keys.push(key);
        self.replace(keys)
    }

    /// Changes a key in any way.
    ///
    /// # Errors
    /// When there is no such key, or the result could not be; then nothing is changed.
    pub fn change(
        &mut self,
        user: &UserName,
        label: &KeyLabel,
        state: State,
        change: impl FnOnce(&mut UserKey),
    ) -> Result<()> {
        let mut keys = self.keys.clone();
        let key = keys.iter_mut().find(|key| is(key, user, label, state)).ok_or_else(|| missing(user, label, state))?;
        change(key);
        self.replace(keys)
    }

    /// Notes that a host is done: it accepts a pending key, or refuses a retiring one.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn prove(&mut self, user: &UserName, label: &KeyLabel, state: State, host: &HostName) -> Result<()> {
        self.change(user, label, state, |key| {
            key.proven.insert(host.clone());
        })
    }

    /// The pending key becomes active and the active one, if there is one, retiring: in one step.
    ///
    /// # Errors
    /// When there is no pending key, or one is retiring already; then nothing is changed.
    pub fn promote(&mut self, user: &UserName, label: &KeyLabel) -> Result<()> {
        let mut new = self.clone();
        if new.find(user, label, State::Active).is_some() {
            new.change(user, label, State::Active, |key| key.state = State::Retiring)?;
        }
        new.change(user, label, State::Pending, |key| {
            key.state = State::Active;
            key.proven.clear();
        })?;
        *self = new;
        Ok(())
    }

    /// Removes a key and gives it back.
    pub fn remove(&mut self, user: &UserName, label: &KeyLabel, state: State) -> Option<UserKey> {
        let place = self.keys.iter().position(|key| is(key, user, label, state))?;
        Some(self.keys.remove(place))
    }

    /// Forgets a host that is gone. A key that was for it alone is then authorized nowhere. Returns whether something
    /// changed.
    pub fn forget_host(&mut self, host: &HostName) -> bool {
        let before = self.clone();
        let named = crate::manifest::Selector::Host(host.clone());
        for key in &mut self.keys {
            key.proven.remove(host);
            key.revoked.remove(host);
            if let Some(hosts) = &mut key.hosts {
                hosts.retain(|selector| *selector != named);
            }
        }
        *self != before
    }

    /// Takes over the keys once it is known that they may stand together.
    pub(super) fn replace(&mut self, mut keys: Vec<UserKey>) -> Result<()> {
        keys.sort_by(|a, b| (&a.user, &a.label, a.state).cmp(&(&b.user, &b.label, b.state)));
        if let Some((_, conflict)) = conflict(&keys) {
            return Err(conflict);
        }
        self.keys = keys;
        Ok(())
    }
}

/// The first key that cannot stand beside an earlier one, by its place, and why.
pub(super) fn conflict(keys: &[UserKey]) -> Option<(usize, Error)> {
    let (mut places, mut publics) = (BTreeSet::new(), BTreeMap::new());
    for (at, key) in keys.iter().enumerate() {
        if !places.insert((&key.user, &key.label, key.state)) {
            let error = Error::new(format!("{} has an {} key already", key.name(), key.state));
            return Some((at, error.hint("use another label, or see `pkeys key list`")));
        }
        if let Some(other) = publics.insert((&key.user, key.public.fingerprint()), key) {
            let error = Error::new(format!("{} and {} are the same public key", other.name(), key.name()));
            return Some((at, error.hint("each key stands once for each user: see `pkeys key list`")));
        }
    }
    None
}

fn is(key: &UserKey, user: &UserName, label: &KeyLabel, state: State) -> bool {
    key.user == *user && key.label == *label && key.state == state
}

fn missing(user: &UserName, label: &KeyLabel, state: State) -> Error {
    Error::new(format!("{user} {label} has no {state} key")).hint("see `pkeys key list`")
}
