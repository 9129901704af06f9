//! A new break-glass key becomes a recipient of everything, and gets a signing key that hosts trust.

use crate::audit::{self, Action};
use crate::base::{Error, Result};
use crate::break_glass::fingerprint;
use crate::bundle::{self, Recipient};
use crate::escrow::refresh::write;
use crate::escrow::{trust_file, write_combine};
use crate::grants;
use crate::manifest::Repository;
use crate::operator::{Keys, NewKeys};
use ssh_key::PrivateKey;

/// The break-glass signing key, encrypted to break-glass alone.
pub(super) const SIGNING_KEY: &str = "signing-key.age";
/// Its name among the signers of `pkeys.toml`.
pub use crate::manifest::BREAK_GLASS_SIGNER as SIGNER;

/// Makes a recipient the only one of break-glass, and its signing key a signer, which signs the trust set. Local secrets, bundles and the escrow are
/// to be written anew after this. The repository is locked.
///
/// # Errors
/// When something cannot be written; running it again with the same keys is safe.
pub fn enroll(
    repository: &mut Repository,
    keys: &Keys,
    recipient: &Recipient,
    signing: &NewKeys,
    action: &'static str,
) -> Result<()> {
    let sealed = bundle::encrypt(&signing.private, std::slice::from_ref(recipient), keys.callbacks())?;
    let mut edit = repository.edit()?;
    edit.set_list(&["break-glass"], "recipients", &[recipient.to_string()])?;
    edit.set(&["signers"], SIGNER, &signing.public)?;
    audit::append(
        repository,
        &[Action::new(action).text("recipient", recipient).text("fingerprint", fingerprint(recipient))],
    )?;
    write(repository, SIGNING_KEY, &sealed)?;
    write_combine(repository)?;
    grants::save_manifest(repository, &edit)?;
    let key = PrivateKey::from_openssh(signing.private.expose());
    trust_file::write(repository, &key.map_err(|_| Error::new("the break-glass signing key cannot be read"))?)
}
