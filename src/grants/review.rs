//! What a repository claims and nobody has accepted yet.

use super::accepted::Trusted;
use super::claims::{of_fleet, of_host};
use super::known::{Known, newest_of};
use super::{statement, words};
use crate::base::{HostName, Result};
use crate::keys::UserKeys;
use crate::manifest::Repository;
use crate::source::Reference;
use crate::trust::{Claim, Word};
use std::collections::BTreeSet;

/// The claims about the fleet and about these hosts that were not accepted, sorted: first those of the fleet.
///
/// # Errors
/// If keys, bundles or pins cannot be read.
pub fn unaccepted(repository: &Repository, hosts: &[HostName]) -> Result<Vec<Claim>> {
    let keys = UserKeys::load(repository)?;
    let mut claims: Vec<_> = {
        let pins = repository.pins()?;
        of_fleet(repository.manifest(), &keys).into_iter().filter(|claim| !pins.accepts(claim)).collect()
    };
    // Without an accepted signer nothing is granted yet.
    let trusted = Trusted::of(repository).ok();
    for host in hosts {
        let known = Known::of_accepted(repository, trusted.as_ref(), host)?;
        claims.extend(unaccepted_of_host(repository, &keys, host, known.as_ref())?);
    }
    let delivered = hosts.iter().flat_map(|host| {
        let manifest = repository.manifest();
        manifest.secrets_of(host).map(|(_, secret)| &secret.from).chain(manifest.host_key_for(host))
    });
    let names = delivered.filter_map(|reference| match reference {
        Reference::Age(name) => Some(name.clone()),
        Reference::Op(_) => None,
    });
    claims.extend(statement::unaccepted(repository, names.collect::<BTreeSet<_>>())?);
    Ok(claims)
}

/// All claims of the repository that were not accepted, those of local secrets that no host gets among them.
///
/// # Errors
/// As [`unaccepted`].
pub fn all_unaccepted(repository: &Repository) -> Result<Vec<Claim>> {
    let mut claims = unaccepted(repository, &repository.hosts(&[])?)?;
    claims.extend(statement::unaccepted(repository, repository.local_secrets()?)?);
    claims.sort();
    claims.dedup();
    Ok(claims)
}

/// The claims about a host that neither a bundle that an accepted signer signed nor a pin has.
///
/// # Errors
/// If the pins cannot be read.
pub fn unaccepted_of_host(
    repository: &Repository,
    keys: &UserKeys,
    host: &HostName,
    known: Option<&Known>,
) -> Result<Vec<Claim>> {
    let granted = known.map(Known::granted).unwrap_or_default();
    let newest = newest_of(repository, host, known)?;
    let pins = repository.pins()?;
    let claims = of_host(repository.manifest(), keys, host).into_iter();
    let is_granted = |claim: &Claim| granted.contains(claim) && !pins.has_taken_back(claim, newest);
    // Where the newest bundle is this machine's own and not in this checkout, or of another branch: what its own commands
    // wrote is in it, or was to be.
    let rendered = pins.has_rendered(host, newest);
    let knows = |word: &Word| pins.knows(word);
    let is_own = |claim: &Claim| rendered && words::follows(claim, repository.manifest(), keys, &knows);
    Ok(claims.filter(|claim| !is_granted(claim) && !pins.accepts_while(claim, newest) && !is_own(claim)).collect())
}
