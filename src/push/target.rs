//! Where a host is reached, and which host keys it may prove there.

use crate::base::{HostName, Result};
use crate::manifest::Manifest;
use crate::remote::Target;

/// A host's address, and the host keys that are accepted for it: the SSH keys among its recipients. Every connection to a
/// host takes them from here.
///
/// # Errors
/// If it has no address, or one of its recipients cannot be parsed.
pub fn target(manifest: &Manifest, host: &HostName) -> Result<Target> {
    let address = manifest.address_of(host)?;
    let recipients = manifest.hosts.get(host).map(|host| &host.recipients[..]).unwrap_or_default();
    let recipients = recipients.iter().map(|key| key.parse()).collect::<Result<Vec<_>>>()?;
    Ok(Target::new(address, &recipients))
}
