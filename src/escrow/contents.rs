//! What belongs into the escrow: what no bundle has, and a person would miss.

use crate::base::{HostName, Result, SecretName};
use crate::keys::{State, UserKey, UserKeys};
use crate::manifest::host_key_names;
use crate::manifest::{Origin, Repository};
use std::collections::BTreeMap;

/// Private keys by their names in the escrow: those of users that pkeys holds, and those of hosts that it made.
///
/// # Errors
/// When `keys.toml` cannot be read, or a key has no source.
pub(super) fn private_keys(repository: &Repository) -> Result<BTreeMap<SecretName, Origin>> {
    let manifest = repository.manifest();
    let keys = UserKeys::load(repository)?;
    let users = keys.all().iter().filter(|key| key.state.is_authorized());
    let users = users.filter_map(|key| Some((user_entry(key), key.private.as_ref()?)));
    let hosts = manifest.hosts.iter().flat_map(|(name, host)| {
        let next = host.next_host_key.iter().map(|reference| (format!("{}.next", host_entry(name)), reference));
        host.host_key.iter().map(|reference| (host_entry(name), reference)).chain(next)
    });
    let all = users.chain(hosts);
    all.map(|(name, reference)| Ok((SecretName::new(name)?, Origin::find(manifest, reference, None)?))).collect()
}

/// The name of a user's key in the escrow.
pub fn user_entry(key: &UserKey) -> String {
    let name = key.place().file_name();
    // The one to log in with has the plain name, also while it is being replaced.
    if key.state == State::Active { name } else { format!("{name}.{}", key.state) }
}

/// The name of a host's key in the escrow.
pub fn host_entry(host: &HostName) -> String {
    host_key_names(host)[0].clone()
}
