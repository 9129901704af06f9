//! `break-glass/trust.json` and its signature: written with the break-glass signing key, compared with what is accepted here.

use crate::base::{Error, Result, files};
use crate::break_glass::Anchor;
use crate::bundle::{MAX_PAYLOAD, public_key, sha256_hex};
use crate::escrow::{enroll, file, refresh};
use crate::manifest::Repository;
use crate::render::now;
use crate::trust::{Claim, TrustSet};
use ssh_key::{HashAlg, PrivateKey};
use std::collections::BTreeSet;

pub(super) const TRUST: &str = "trust.json";
const SIGNATURE: &str = "trust.json.sig";
const MAX_TRUST: usize = 16 * 1024 * 1024;

/// How the signed trust set compares with the one that is accepted on this machine.
#[derive(Debug)]
pub enum TrustFile {
    /// It is the accepted one.
    Current,
    /// It is valid and differs: what was added and what was removed.
    Stale(Vec<String>),
    /// The file does not exist.
    Missing,
    /// It is not valid.
    Invalid(Error),
}

/// What the pins of this machine say about who signs for break-glass; `None` without such a pin.
///
/// # Errors
/// If the pins cannot be read.
pub fn pinned_anchor(repository: &Repository) -> Result<Option<Anchor>> {
    let Some(fleet) = &repository.manifest().fleet else { return Ok(None) };
    let pins = repository.pins()?;
    let accepted = pins.signers_called(enroll::SIGNER);
    // After a run that was killed there may be two: the one that it replaces, and the one of pkeys.toml.
    let named = repository.manifest().signer_claims().find_map(|claim| match claim {
        Claim::Signer { name, key } if name.as_str() == enroll::SIGNER => Some(key),
        _ => None,
    });
    let key = named.as_deref().filter(|key| accepted.contains(key)).or_else(|| accepted.first().copied());
    key.map(|key| Ok(Anchor { fleet: fleet.clone(), signer: fingerprint(key)? })).transpose()
}

/// The SHA-256 fingerprint of a public key line.
fn fingerprint(line: &str) -> Result<String> {
    Ok(public_key(line)?.fingerprint(HashAlg::Sha256).to_string())
}

/// Reads and verifies the trust set; `None` if it does not exist.
///
/// # Errors
/// If it is not of this fleet and signer.
pub fn read(repository: &Repository, anchor: &Anchor) -> Result<Option<TrustSet>> {
    let Some(bytes) = files::read(&file(repository, TRUST), MAX_TRUST)? else { return Ok(None) };
    let missing = || Error::new(format!("there is no {SIGNATURE}")).hint("restore it from git");
    let signature = files::read(&file(repository, SIGNATURE), MAX_TRUST)?.ok_or_else(missing)?;
    let verified = TrustSet::verify(&bytes, &signature, &anchor.fleet, &anchor.signer);
    verified.map(Some).map_err(|e| {
        e.hint("restore trust.json and trust.json.sig from git; `git log break-glass` says who changed them")
    })
}

/// The trust set of `pkeys.toml`, once all of it is accepted on this machine.
///
/// # Errors
/// Names a member that is not.
pub fn accepted(repository: &Repository) -> Result<TrustSet> {
    let manifest = repository.manifest();
    let members = manifest.signer_claims().chain(manifest.operator_claims()).chain(manifest.break_glass_claims());
    let pins = repository.pins()?;
    if let Some(claim) = members.into_iter().find(|claim| !pins.accepts(claim)) {
        return Err(Error::new(format!("nobody has accepted on this machine: {claim}"))
            .hint("look at who added it (`pkeys log`, git), then `pkeys trust accept`"));
    }
    let signing_key = files::read(&file(repository, enroll::SIGNING_KEY), MAX_PAYLOAD)?.unwrap_or_default();
    Ok(TrustSet::new(
        repository.fleet()?.clone(),
        now(),
        &manifest.signers,
        &manifest.operators,
        &manifest.break_glass.recipients,
        sha256_hex(&signing_key),
    ))
}

/// Signs the accepted trust set and writes it. The repository is locked.
///
/// # Errors
/// If a member is not accepted, or a file cannot be written.
pub fn write(repository: &Repository, key: &PrivateKey) -> Result<()> {
    let set = accepted(repository)?;
    let signature = set.sign(key)?;
    refresh::write(repository, TRUST, &set.to_bytes())?;
    refresh::write(repository, SIGNATURE, signature.as_bytes())
}

/// Compares the signed trust set with the accepted one; `None` on a machine whose pins do not know the break-glass signer.
///
/// # Errors
/// If the pins or a file cannot be read, or something in `pkeys.toml` is not accepted.
pub fn compare(repository: &Repository) -> Result<Option<TrustFile>> {
    let Some(anchor) = pinned_anchor(repository)? else { return Ok(None) };
    let signed = match read(repository, &anchor) {
        Ok(Some(signed)) => signed,
        Ok(None) => return Ok(Some(TrustFile::Missing)),
        Err(e) if e.is_io() => return Err(e),
        Err(e) => return Ok(Some(TrustFile::Invalid(e))),
    };
    let accepted = accepted(repository)?;
    if signed.signing_key != accepted.signing_key {
        return Ok(Some(TrustFile::Invalid(
            Error::new(format!("{} is not the file that the trust set names", enroll::SIGNING_KEY))
                .hint("restore it from git; `git log break-glass` says who changed it"),
        )));
    }
    let differences = differences(&signed.claims(), &accepted.claims());
    Ok(Some(if differences.is_empty() { TrustFile::Current } else { TrustFile::Stale(differences) }))
}

/// What one trust set has and the other has not, each with its sign.
pub(super) fn differences(signed: &BTreeSet<Claim>, now: &BTreeSet<Claim>) -> Vec<String> {
    let new = now.difference(signed).map(ToString::to_string);
    new.chain(signed.difference(now).map(|claim| claim.to_string().replacen('+', "-", 1))).collect()
}
