//! The claims of a whole repository.

use crate::base::HostName;
use crate::keys::{UserKeys, is_authorized};
use crate::manifest::Manifest;
use crate::trust::Claim;
use std::collections::BTreeSet;

/// Everything that `pkeys.toml` and `keys.toml` claim.
pub(super) fn of_repository(manifest: &Manifest, keys: &UserKeys) -> BTreeSet<Claim> {
    let mut claims: BTreeSet<_> = of_fleet(manifest, keys).into_iter().collect();
    for host in manifest.hosts.keys() {
        claims.extend(of_host(manifest, keys, host));
    }
    claims
}

/// The claims about the whole fleet.
pub(super) fn of_fleet(manifest: &Manifest, keys: &UserKeys) -> BTreeSet<Claim> {
    let vaults = keys.all().iter().filter_map(|key| manifest.vault(key.private.as_ref()?, None));
    manifest.fleet_claims().into_iter().chain(vaults).collect()
}

/// What a host gets: its recipients, secrets and the keys of its users.
pub fn of_host(manifest: &Manifest, keys: &UserKeys, host: &HostName) -> Vec<Claim> {
    let mut claims = manifest.host_claims(host);
    let authorized = keys.all().iter().filter(|key| is_authorized(manifest, key, host));
    claims.extend(authorized.map(|key| Claim::Key { host: host.clone(), user: key.user.clone(), line: key.line() }));
    claims
}
