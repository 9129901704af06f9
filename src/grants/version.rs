//! The versions of local secrets: `COUNTER-RANDOM`, and which of two is older.
//!
//! Values from before there were statements have `sha256:` and the digest of their ciphertext. They are older than all that
//! have a counter.

use super::accepted::Trusted;
use super::statement;
use crate::base::{Error, Result, SecretName};
use crate::bundle::{Manifest as BundleManifest, Signed};
use crate::manifest::Repository;
use crate::source::Reference;
use rand_core::{OsRng, RngCore};
use std::collections::BTreeSet;

/// The highest counter: 2^53, the largest whole number that every JSON parser keeps exact.
const MAX_COUNTER: u64 = 1 << 53;

/// The counter of `COUNTER-RANDOM`.
pub fn counter(version: &str) -> Option<u64> {
    let (counter, random) = version.split_once('-')?;
    let is_plain = random.len() == 16 && counter.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| counter.parse().ok()).flatten().filter(|counter| *counter <= MAX_COUNTER)
}

/// Whether a version of a local value is older than another.
pub fn is_older(version: &str, than: &str) -> bool {
    match (counter(version), counter(than)) {
        (Some(version), Some(than)) => version < than,
        (Some(_), None) => false,
        (None, Some(_)) => true,
        // Nothing says which was first, and pkeys makes no second one: it is the old one of some history.
        (None, None) => version != than,
    }
}

/// The version of a value that takes the place of all that are known of this secret.
///
/// # Errors
/// If no counter is left.
pub fn next(repository: &Repository, name: &SecretName) -> Result<String> {
    let signed = statement::signed_version(repository, name).and_then(|version| counter(&version));
    let rendered = rendered(repository, name).iter().filter_map(|version| counter(version)).max();
    let known = {
        let pins = repository.pins()?;
        let unsigned = pins.values().iter().filter(|value| value.name == *name);
        unsigned.filter_map(|value| counter(&value.version)).chain([pins.counter(name)]).max()
    };
    let highest = known.max(signed).max(rendered).unwrap_or(0);
    let next = highest.checked_add(1).filter(|next| *next <= MAX_COUNTER);
    let next = next.ok_or_else(|| {
        Error::new(format!("{name} has had as many versions as there are numbers"))
            .hint("somebody has written a version by hand: use another name for the secret")
    })?;
    Ok(format!("{next}-{:016x}", OsRng.next_u64()))
}

/// The version of a ciphertext that the operator accepts although no accepted signer signed it. If bundles have the version
/// that is claimed for it, it keeps that, so that no host becomes stale.
///
/// # Errors
/// As [`next`].
pub(super) fn of_accepted(
    repository: &Repository,
    name: &SecretName,
    sha256: &str,
    claimed: Option<String>,
) -> Result<String> {
    let rendered = rendered(repository, name);
    let of_file = of_ciphertext(sha256);
    let kept = claimed.into_iter().chain([of_file.clone()]).find(|version| rendered.contains(version));
    let is_first = rendered.is_empty() && repository.pins()?.counter(name) == 0;
    match kept {
        Some(version) => Ok(version),
        None if is_first => Ok(of_file),
        None => next(repository, name),
    }
}

/// The version of a value that has no counter.
pub(super) fn of_ciphertext(sha256: &str) -> String {
    format!("sha256:{sha256}")
}

/// The counters of the local secrets in a bundle.
pub(super) fn counters(manifest: &BundleManifest) -> Vec<(SecretName, u64)> {
    let counted = manifest.secrets.iter().filter_map(|secret| match Reference::parse(&secret.reference) {
        Ok(Reference::Age(name)) => Some((name, counter(&secret.version)?)),
        _ => None,
    });
    counted.collect()
}

/// Notes in the pins which local secrets the bundles of this checkout have, of all hosts: another machine may have rendered
/// them, and a host that never had a secret has no older value to compare with.
///
/// # Errors
/// If the pins cannot be written.
pub fn note_rendered(repository: &Repository) -> Result<()> {
    let counted: Vec<_> = manifests(repository).iter().flat_map(counters).collect();
    repository.pins()?.note_counters(&counted)
}

/// The versions of a local secret in the bundles of this checkout that accepted signers signed.
fn rendered(repository: &Repository, name: &SecretName) -> BTreeSet<String> {
    let reference = Reference::Age(name.clone()).to_string();
    let secrets = manifests(repository).into_iter().flat_map(|manifest| manifest.secrets);
    secrets.filter(|secret| secret.reference == reference).map(|secret| secret.version).collect()
}

/// The manifests of this checkout that accepted signers signed.
fn manifests(repository: &Repository) -> Vec<BundleManifest> {
    let Ok(trusted) = Trusted::of(repository) else { return Vec::new() };
    let manifests = repository.manifest().hosts.keys().filter_map(|host| {
        let signed = Signed::read(&repository.bundle(host)).ok().flatten()?;
        Some(trusted.authenticate(host, &signed).ok()?.manifest)
    });
    manifests.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_without_a_counter_is_older_than_any_with_one() {
        let (first, second, tenth) = ("1-0000000000000000", "2-00000000000000ff", "10-0000000000000000");
        for (version, than, older) in [
            (first, second, true),
            (second, first, false),
            (second, tenth, true),
            (second, "2-0000000000000000", false),
            ("sha256:00", first, true),
            (first, "sha256:00", false),
            ("sha256:00", "sha256:00", false),
            ("sha256:00", "sha256:01", true),
            ("9007199254740993-0000000000000000", first, true),
            ("+2-0000000000000000", first, true),
        ] {
            assert_eq!(is_older(version, than), older, "{version} {than}");
        }
    }
}
