//! A new break-glass key becomes a recipient of everything, and gets a signing key that hosts trust.

use crate::audit::{self, Action};
use crate::base::Result;
use crate::break_glass::{COMBINE, fingerprint};
use crate::bundle::{self, Recipient};
use crate::escrow::refresh::write;
use crate::grants;
use crate::manifest::Repository;
use crate::operator::{Keys, NewKeys};

/// The break-glass signing key, encrypted to break-glass alone.
pub(super) const SIGNING_KEY: &str = "signing-key.age";
/// Its name among the signers of `pkeys.toml`.
pub use crate::manifest::BREAK_GLASS_SIGNER as SIGNER;

/// Makes a recipient the only one of break-glass, and its signing key a signer. Local secrets, bundles and the escrow are
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
    write(repository, "combine.py", COMBINE.as_bytes())?;
    grants::save_manifest(repository, &edit)
}
