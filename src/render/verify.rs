//! Checking a rendered bundle against the manifest, without decrypting it.

use crate::base::{Error, HostName, Result};
use crate::bundle::{Authentic, Signed};
use crate::grants::Trusted;
use crate::manifest::Repository;
use std::collections::BTreeSet;

/// Checks a host's bundle: signature, digest, fleet, host name, and that its recipients are those of `pkeys.toml`.
///
/// # Errors
/// Says the first thing that does not hold.
pub fn verify(repository: &Repository, trusted: &Trusted, host: &HostName) -> Result<Authentic> {
    let authentic = verify_signed(repository, trusted, host)?;
    let again = || format!("render it again: `pkeys render {host}`");
    let wanted = repository.manifest().recipients_of(host)?;
    let wanted: BTreeSet<_> = wanted.iter().map(crate::bundle::Recipient::id).collect();
    let sealed: BTreeSet<_> = authentic.manifest.recipients.iter().map(String::as_str).collect();
    if let Some(missing) = wanted.difference(&sealed).next() {
        return Err(Error::new(format!("it is not sealed to the recipient {missing} of pkeys.toml")).hint(again()));
    }
    if let Some(extra) = sealed.difference(&wanted).next() {
        return Err(Error::new(format!("it is sealed to {extra}, which pkeys.toml does not name")).hint(again()));
    }
    Ok(authentic)
}

/// As [`verify`], whatever recipients `pkeys.toml` names: in an emergency, those that nobody has accepted are left out.
///
/// # Errors
/// As [`verify`].
pub fn verify_signed(repository: &Repository, trusted: &Trusted, host: &HostName) -> Result<Authentic> {
    let again = || format!("render it again: `pkeys render {host}`");
    let directory = repository.bundle(host);
    let signed = Signed::read(&directory)?
        .ok_or_else(|| Error::new("it has no bundle yet").hint(format!("render it: `pkeys render {host}`")))?;
    let authentic = trusted.authenticate(host, &signed).map_err(|e| e.hint(again()))?;
    authentic.payload(&directory).map_err(|e| e.hint(again()))?;
    Ok(authentic)
}
