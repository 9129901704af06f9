//! Accepting claims on this machine.

use super::accepted::{Trusted, not_accepted};
use super::known::{Known, grants, newest_of};
use super::review::{all_unaccepted, unaccepted_of_host};
use super::{vouch, words};
use crate::base::{HostName, Result};
use crate::bundle::{Manifest as BundleManifest, Recipient, without_comment};
use crate::grants::version::counters;
use crate::keys::UserKeys;
use crate::manifest::Repository;
use crate::source::Reference;
use crate::trust::{Bundle, Claim, Word};
use std::collections::{BTreeMap, BTreeSet};

/// Accepts claims: those about a host until it has a newer bundle, which then says what is granted.
///
/// # Errors
/// If a bundle cannot be read, or the pins cannot be written.
pub fn accept(repository: &Repository, claims: &[Claim]) -> Result<()> {
    accept_with(repository, claims, &BTreeSet::new())
}

/// Accepts claims, and the entries that this machine's command writes.
pub(super) fn accept_with(repository: &Repository, claims: &[Claim], words: &BTreeSet<Word>) -> Result<()> {
    let (mut of_fleet, mut of_hosts, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for claim in claims {
        match claim {
            Claim::Local { name, sha256 } => values.push((name, sha256)),
            _ => match claim.host() {
                None => of_fleet.push((claim.clone(), 0)),
                Some(host) => of_hosts.push((claim, host)),
            },
        }
    }
    // First the signers: they decide which bundle is a host's newest, and which values are signed.
    repository.pins()?.accept(&of_fleet, words)?;
    let trusted = Trusted::of(repository).ok();
    let mut newest = BTreeMap::new();
    for (_, host) in &of_hosts {
        if !newest.contains_key(host) {
            let known = Known::of_accepted(repository, trusted.as_ref(), host)?;
            newest.insert(*host, newest_of(repository, host, known.as_ref())?);
        }
    }
    let of_hosts: Vec<_> = of_hosts.into_iter().map(|(claim, host)| (claim.clone(), newest[host])).collect();
    repository.pins()?.accept(&of_hosts, &BTreeSet::new())?;
    for (name, sha256) in values {
        vouch::accept(repository, name, sha256)?;
    }
    Ok(())
}

/// Accepts all of a repository: also the entries that would grant something to hosts that are added later.
///
/// # Errors
/// As [`accept`]; if `keys.toml` cannot be read.
pub fn accept_all(repository: &Repository) -> Result<()> {
    let claims = all_unaccepted(repository)?;
    accept_with(repository, &claims, &words::of_repository(repository.manifest(), &UserKeys::load(repository)?))
}

/// The entries of a repository that no command of this machine has written.
///
/// # Errors
/// If `keys.toml` or the pins cannot be read.
pub fn unknown_words(repository: &Repository) -> Result<Vec<Word>> {
    let words = words::of_repository(repository.manifest(), &UserKeys::load(repository)?);
    let pins = repository.pins()?;
    Ok(words.into_iter().filter(|word| !pins.knows(word)).collect())
}

/// Forgets what the repository no longer says: members of the trust set, and entries. Does nothing in a checkout whose bundles
/// are older than what this machine has seen: what is missing there may not have been added yet.
///
/// # Errors
/// If `keys.toml` or the pins cannot be read or written.
pub fn forget_removed(repository: &Repository) -> Result<()> {
    // Git tells what was removed from what is only not there yet: `look` has forgotten that.
    if repository.pins()?.history().is_some_and(|commits| !commits.is_empty()) {
        return Ok(());
    }
    let hosts: Vec<_> = repository.manifest().hosts.keys().cloned().collect();
    for host in hosts {
        let seen = repository.pins()?.generation(&host);
        let is_older = |manifest: BundleManifest| manifest.generation < seen;
        if crate::bundle::unproven(&repository.bundle(&host)).ok().flatten().is_some_and(is_older) {
            return Ok(());
        }
    }
    let words = words::of_repository(repository.manifest(), &UserKeys::load(repository)?);
    repository.pins()?.keep(&repository.manifest().fleet_claims(), &words)
}

/// Accepts the members of the trust set that are this operator's own keys: who runs `init` in a repository accepts themselves.
///
/// # Errors
/// If the pins cannot be written.
pub fn accept_own(repository: &Repository, signer: &str, recipients: &[String]) -> Result<()> {
    let ids: Vec<_> =
        recipients.iter().filter_map(|key| Some(key.parse::<Recipient>().ok()?.id().to_owned())).collect();
    let signer = without_comment(signer);
    let own = repository.manifest().fleet_claims().into_iter().filter(|claim| match claim {
        Claim::Signer { key, .. } => *key == signer,
        Claim::Operator { recipient, .. } => ids.contains(recipient),
        _ => false,
    });
    accept(repository, &own.collect::<Vec<_>>())
}

/// Accepts the vault of a reference that the operator has typed.
///
/// # Errors
/// If the pins cannot be read or written.
pub fn accept_vault(repository: &Repository, reference: &Reference) -> Result<()> {
    match repository.manifest().vault(reference, None) {
        Some(vault) => accept(repository, &[vault]),
        None => Ok(()),
    }
}

/// A bundle as the pins note it. `before` is the highest generation that was known before it was rendered or found; `rendered`
/// says that this machine has just rendered it.
///
/// # Errors
/// If the pins cannot be read.
pub fn as_seen(
    repository: &Repository,
    manifest: &BundleManifest,
    sha256: String,
    before: u64,
    rendered: bool,
) -> Result<Bundle> {
    let mut granted = grants(manifest);
    let pins = repository.pins()?;
    granted.retain(|claim| pins.is_pending(claim));
    Ok(Bundle {
        host: manifest.host.clone(),
        before,
        generation: manifest.generation,
        sha256,
        rendered,
        granted,
        counters: counters(manifest),
    })
}

/// Whether a claim is in force: granted by the newest bundle, or accepted since.
pub(super) fn is_in_force(repository: &Repository, trusted: Option<&Trusted>, claim: &Claim) -> Result<bool> {
    let Some(host) = claim.host() else { return Ok(repository.pins()?.accepts(claim)) };
    let known = Known::of_accepted(repository, trusted, host)?;
    let newest = newest_of(repository, host, known.as_ref())?;
    let pins = repository.pins()?;
    let is_granted = known.is_some_and(|known| known.granted().contains(claim)) && !pins.has_taken_back(claim, newest);
    Ok(is_granted || pins.accepts_while(claim, newest))
}

/// The recipients of a host in `pkeys.toml` that are in force: granted by the newest bundle, or accepted since. Those that a
/// committer has added prove nothing.
///
/// # Errors
/// If one cannot be parsed, or the host has some and none is in force; if a bundle or the pins cannot be read.
pub fn recipients_in_force(repository: &Repository, host: &HostName) -> Result<Vec<Recipient>> {
    let trusted = Trusted::of(repository).ok();
    let known = Known::of_accepted(repository, trusted.as_ref(), host)?;
    let unaccepted: Vec<_> = unaccepted_of_host(repository, &UserKeys::default(), host, known.as_ref())?;
    let named = repository.manifest().hosts.get(host).map(|host| &host.recipients[..]).unwrap_or_default();
    let named = named.iter().map(|key| key.parse()).collect::<Result<Vec<Recipient>>>()?;
    let claim = |recipient: &Recipient| Claim::Recipient { host: host.clone(), recipient: recipient.id().to_owned() };
    let in_force: Vec<_> = named.iter().filter(|one| !unaccepted.contains(&claim(one))).cloned().collect();
    match named.first().filter(|_| in_force.is_empty()) {
        Some(first) => Err(not_accepted(&claim(first))),
        None => Ok(in_force),
    }
}
