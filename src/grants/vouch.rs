//! Values that this machine vouches for until a signature does: those that it wrote, and those that its operator accepted.

use super::{statement, version};
use crate::base::{Result, SecretName, files};
use crate::bundle::{MAX_PAYLOAD, Recipient, Signers, sha256_hex};
use crate::manifest::Repository;
use crate::trust::Vouched;
use ssh_key::PrivateKey;

/// Vouches on this machine for a ciphertext that it is about to write.
///
/// # Errors
/// If the pins cannot be written.
pub fn written(
    repository: &Repository,
    name: &SecretName,
    ciphertext: &[u8],
    version: &str,
    recipients: &[Recipient],
) -> Result<()> {
    let value = Vouched {
        name: name.clone(),
        sha256: sha256_hex(ciphertext),
        version: version.to_owned(),
        recipients: recipients.iter().map(|recipient| recipient.id().to_owned()).collect(),
    };
    repository.pins()?.vouch(value)
}

/// Vouches for a ciphertext that somebody else wrote and this machine's operator accepted. To whom it is encrypted is not
/// known, so the next rekey encrypts it anew.
pub(super) fn accept(repository: &Repository, name: &SecretName, sha256: &str) -> Result<()> {
    if statement::signed(repository, name, sha256).is_ok() || find(repository, name, sha256)?.is_some() {
        return Ok(());
    }
    let claimed = statement::claimed_version(repository, name, sha256);
    let version = version::of_accepted(repository, name, sha256, claimed)?;
    let value = Vouched { name: name.clone(), sha256: sha256.to_owned(), version, recipients: Vec::new() };
    repository.pins()?.vouch(value)
}

/// What this machine vouches for.
pub(super) fn find(repository: &Repository, name: &SecretName, sha256: &str) -> Result<Option<Vouched>> {
    let pins = repository.pins()?;
    Ok(pins.values().iter().find(|value| value.name == *name && value.sha256 == sha256).cloned())
}

/// Signs the value of a secret that was just written, if a key of an accepted signer is at hand; else the next render does.
///
/// # Errors
/// If a file cannot be written.
pub fn sign(repository: &Repository, name: &SecretName, ciphertext: &[u8], key: Option<&PrivateKey>) -> Result<()> {
    let signers = Signers::parse(&repository.pins()?.signers())?;
    let value = find(repository, name, &sha256_hex(ciphertext))?;
    let Some((key, value)) = key.filter(|key| signers.trusts(key.public_key())).zip(value) else { return Ok(()) };
    statement::write(repository, &value, key)?;
    repository.pins()?.signed(&[(value.name, value.sha256)])
}

/// Signs all values that this machine vouches for, as far as they are in this checkout. `key` is called when there is one.
///
/// # Errors
/// If the key cannot be had, or a file cannot be written.
pub fn sign_outstanding<'k>(repository: &Repository, key: impl Fn() -> Result<&'k PrivateKey>) -> Result<()> {
    let outstanding = repository.pins()?.values().to_vec();
    let mut signed = Vec::new();
    for value in outstanding {
        let current = files::read(&repository.secret_file(&value.name), MAX_PAYLOAD)?;
        // That of another branch waits until it is merged.
        if current.is_none_or(|file| sha256_hex(&file) != value.sha256) {
            continue;
        }
        if statement::signed(repository, &value.name, &value.sha256).is_err() {
            statement::write(repository, &value, key()?)?;
        }
        signed.push((value.name, value.sha256));
    }
    repository.pins()?.signed(&signed)
}
