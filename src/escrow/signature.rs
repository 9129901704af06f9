//! The signature of the escrow. Anyone can encrypt to break-glass, and everyone who can commit can replace its files: the
//! operator who writes it signs `escrow.json`, which has the digest of `escrow.age`.

use crate::base::{Error, Result, files};
use crate::bundle::{ESCROW_NAMESPACE, Payload, Signers, sign_as};
use crate::escrow::file;
use crate::escrow::refresh::{self, Escrow, PUBLIC};
use crate::grants::Trusted;
use crate::manifest::Repository;
use crate::operator::Keys;
use ssh_key::PrivateKey;

const SIGNATURE: &str = "escrow.json.sig";
const MAX_SIGNATURE: usize = 64 * 1024;

/// The operator's signing key, if it is an accepted signer's.
///
/// # Errors
/// If the signature is missing or invalid.
pub(super) fn key<'k>(repository: &Repository, keys: &'k Keys) -> Result<&'k PrivateKey> {
    let key = keys.signing_key()?;
    match Trusted::of(repository)?.signers.trusts(key.public_key()) {
        true => Ok(key),
        false => Err(Error::new("this signing key is not one of an accepted signer")
            .hint("let an operator whose key is in [signers] write the escrow")),
    }
}

/// Signs what is public of the escrow.
///
/// # Errors
/// If it cannot be signed or written.
pub(super) fn sign(repository: &Repository, public: &[u8], key: &PrivateKey) -> Result<()> {
    refresh::write(repository, SIGNATURE, sign_as(ESCROW_NAMESPACE, public, key)?.as_bytes())
}

/// Checks that one of these signed the escrow of this fleet with this encrypted file.
///
/// # Errors
/// Says which of it does not hold.
pub(super) fn verify(repository: &Repository, signers: &Signers, sealed: &[u8]) -> Result<()> {
    let next = "`git log break-glass` says who changed it; `pkeys break-glass escrow` writes it anew";
    let missing = || Error::new("nobody has signed the escrow").hint(next);
    let public = files::read(&file(repository, PUBLIC), refresh::MAX_PUBLIC)?.ok_or_else(missing)?;
    let signature = files::read(&file(repository, SIGNATURE), MAX_SIGNATURE)?.ok_or_else(missing)?;
    signers.verify_as(ESCROW_NAMESPACE, PUBLIC, &public, &signature)?;
    let escrow = Escrow::parse(&public).ok_or_else(|| Error::new("escrow.json is not as pkeys wrote it").hint(next))?;
    if escrow.fleet != *repository.fleet()? {
        return Err(Error::new("it is the escrow of another fleet").hint(next));
    }
    if escrow.payload != Payload::of(sealed) {
        return Err(Error::new("escrow.age is not the file that was signed").hint(next));
    }
    Ok(())
}
