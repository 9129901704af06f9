//! What belongs into the escrow: what no bundle has, and a person would miss.

use crate::base::{HostName, Result, SecretName};
use crate::keys::{State, UserKey, UserKeys};
use crate::manifest::{Origin, Repository};
use crate::source::KeyPlace;
use std::collections::BTreeMap;

/// Private keys by their names in the escrow: those of users that pkeys holds, and those of hosts that it made.
///
/// # Errors
/// When `keys.toml` cannot be read, or a key has no source.
pub(super) fn private_keys(repository: &Repository) -> Result<BTreeMap<SecretName, Origin>> {
    let manifest = repository.manifest();
    let keys = UserKeys::load(repository)?;
    let users = keys.all().iter().filter(|key| key.state.is_authorized());
    let users = users.filter_map(|key| Some((entry_of(key), key.private.as_ref()?)));
    let hosts = manifest.hosts.iter().flat_map(|(name, host)| {
        let next = host.next_host_key.iter().map(|reference| (format!("{}.next", host_entry(name)), reference));
        host.host_key.iter().map(|reference| (host_entry(name), reference)).chain(next)
    });
    let all = users.chain(hosts);
    all.map(|(name, reference)| Ok((SecretName::new(name)?, Origin::find(manifest, reference, None)?))).collect()
}

/// A user key's name in the escrow.
pub(super) fn entry_of(key: &UserKey) -> String {
    let name = user_entry(&key.place());
    // While it is replaced, the active key's reference leads to its successor already; that is the one to log in with.
    if key.state == State::Pending { format!("{name}.pending") } else { name }
}

/// The name of a user's key in the escrow.
pub fn user_entry(place: &KeyPlace) -> String {
    format!("ssh-user-key.{}.{}", place.user, place.label)
}

/// The name of a host's key in the escrow.
pub fn host_entry(host: &HostName) -> String {
    format!("ssh-host-key.{host}")
}
