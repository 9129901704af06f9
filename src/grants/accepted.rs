//! The part of a repository's claims that takes effect on this machine.

use crate::base::{Error, FleetId, HostName, Result, UserName};
use crate::bundle::{Authentic, Recipient, Signed, Signers};
use crate::manifest::{Manifest, Origin, Repository};
use crate::trust::{Claim, TrustSet};

/// Whose bundles are valid here: the signers of `pkeys.toml` that were accepted on this machine, for this fleet.
#[derive(Debug)]
pub struct Trusted {
    fleet: FleetId,
    /// The accepted signers.
    pub signers: Signers,
}

impl Trusted {
    /// Of a repository.
    ///
    /// # Errors
    /// If no signer was accepted, or one cannot be used.
    pub fn of(repository: &Repository) -> Result<Self> {
        let manifest = repository.manifest();
        check_signers(manifest)?;
        let fleet = repository.fleet()?.clone();
        let pins = repository.pins()?;
        let accepted = manifest.signer_claims().filter(|claim| pins.accepts(claim));
        let keys: Vec<_> =
            accepted.filter_map(|claim| if let Claim::Signer { key, .. } = claim { Some(key) } else { None }).collect();
        if keys.is_empty() {
            return Err(Error::new("no signer of pkeys.toml is accepted on this machine")
                .hint("compare `pkeys trust show` with another machine of this fleet, then `pkeys trust accept`"));
        }
        Ok(Self { fleet, signers: Signers::parse(&keys)? })
    }

    /// Of a trust set that was verified.
    ///
    /// # Errors
    /// If one of its signers cannot be used.
    pub fn of_set(set: &TrustSet) -> Result<Self> {
        let signers = Signers::parse(&set.signers.values().collect::<Vec<_>>())?;
        Ok(Self { fleet: set.fleet.clone(), signers })
    }

    /// Checks that an accepted signer signed a manifest for this fleet and host.
    ///
    /// # Errors
    /// Says which of it does not hold.
    pub fn authenticate(&self, host: &HostName, signed: &Signed) -> Result<Authentic> {
        let authentic = self.authenticate_any(host, signed)?;
        match authentic.manifest.fleet {
            Some(_) => Ok(authentic),
            None => Err(Error::new("it has format 1, which names no fleet")),
        }
    }

    /// As [`Self::authenticate`], and takes format 1, too, which names no fleet.
    ///
    /// # Errors
    /// Says which of it does not hold.
    pub fn authenticate_any(&self, host: &HostName, signed: &Signed) -> Result<Authentic> {
        signed.authenticate(host, Some(&self.fleet), &self.signers)
    }
}

/// Checks that `pkeys.toml` names signers, and that each can be used.
///
/// # Errors
/// If it names none, or one cannot be used.
pub fn check_signers(manifest: &Manifest) -> Result<()> {
    if manifest.signers.is_empty() {
        return Err(Error::new("pkeys.toml names no signer").hint("run `pkeys init`"));
    }
    Signers::parse(&manifest.signers.values().collect::<Vec<_>>()).map(drop)
}

/// Who can open the local secrets: all operators and break-glass recipients, once each of them was accepted.
///
/// # Errors
/// If one was not, there is no operator, or a recipient cannot be used.
pub fn secret_recipients(repository: &Repository) -> Result<Vec<Recipient>> {
    let manifest = repository.manifest();
    let recipients = manifest.secret_recipients()?;
    let pins = repository.pins()?;
    match manifest.operator_claims().chain(manifest.break_glass_claims()).find(|claim| !pins.accepts(claim)) {
        None => Ok(recipients),
        Some(claim) => Err(not_accepted(&claim)),
    }
}

/// Checks that each break-glass recipient was accepted: the escrow is sealed to them.
///
/// # Errors
/// If one was not.
pub fn require_break_glass(repository: &Repository) -> Result<()> {
    let pins = repository.pins()?;
    match repository.manifest().break_glass_claims().find(|claim| !pins.accepts(claim)) {
        None => Ok(()),
        Some(claim) => Err(not_accepted(&claim)),
    }
}

/// Checks that the vault of a value was accepted. Local values are in none.
///
/// # Errors
/// If it was not.
pub fn require_vault(repository: &Repository, origin: &Origin) -> Result<()> {
    match repository.manifest().vault(&origin.reference, Some(&origin.source)) {
        Some(vault) if !repository.pins()?.accepts(&vault) => Err(not_accepted(&vault)),
        _ => Ok(()),
    }
}

/// Checks that the vault that keeps the private keys of a user was accepted. Local files are in none.
///
/// # Errors
/// If it was not.
pub fn require_key_vault(repository: &Repository, user: &UserName) -> Result<()> {
    match repository.manifest().key_vault(user) {
        Some(vault) if !repository.pins()?.accepts(&vault) => Err(not_accepted(&vault)),
        _ => Ok(()),
    }
}

pub(super) fn not_accepted(claim: &Claim) -> Error {
    Error::new(format!("nobody has accepted on this machine: {claim}"))
        .hint("look at who added it (`pkeys log`, git), then `pkeys trust accept`")
}
