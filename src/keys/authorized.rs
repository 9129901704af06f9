//! Who may log in on a host.

use crate::base::{HostName, UserName};
use crate::keys::{State, UserKey, UserKeys};
use crate::manifest::Manifest;
use std::collections::{BTreeMap, BTreeSet};

/// The lines of `authorized_keys` for each user of a host, each list sorted as [`UserKeys::all`].
///
/// A user has an entry when `hosts` of `[users.NAME]` selects the host and a key counts there. A user without a key has
/// none, rather than an empty list: pkeys then says nothing about them.
pub fn authorized(manifest: &Manifest, keys: &UserKeys, host: &HostName) -> BTreeMap<UserName, Vec<String>> {
    let mut lines: BTreeMap<UserName, Vec<String>> = BTreeMap::new();
    for key in keys.all().iter().filter(|key| is_authorized(manifest, key, host)) {
        lines.entry(key.user.clone()).or_default().push(key.line());
    }
    lines
}

/// The hosts that a key is for, whatever its state.
pub fn hosts_of<'a>(manifest: &'a Manifest, key: &UserKey) -> BTreeSet<&'a HostName> {
    manifest.hosts.keys().filter(|host| is_selected(manifest, key, host)).collect()
}

/// Whether a key counts on a host.
pub fn is_authorized(manifest: &Manifest, key: &UserKey, host: &HostName) -> bool {
    key.state.is_authorized() && !key.revoked.contains(host) && is_selected(manifest, key, host)
}

fn is_selected(manifest: &Manifest, key: &UserKey, host: &HostName) -> bool {
    let (Some(user), Some(settings)) = (manifest.users.get(&key.user), manifest.hosts.get(host)) else { return false };
    user.hosts.iter().any(|selector| selector.selects(host, settings)) && key.is_for(host, manifest)
}

/// The hosts on which a user has a key before a change, and afterwards none that is active: a pending key may not work,
/// and a retiring one is about to go.
pub fn locked_out<'a>(
    manifest: &'a Manifest,
    before: &UserKeys,
    after: &UserKeys,
    user: &UserName,
) -> BTreeSet<&'a HostName> {
    let active =
        |host: &&HostName| after.of(user).any(|key| key.state == State::Active && is_authorized(manifest, key, host));
    before.of(user).flat_map(|key| hosts_of(manifest, key)).filter(|host| !active(host)).collect()
}
