//! Which store keeps the private halves of user keys.

use crate::base::Result;
use crate::bundle;
use crate::manifest::Repository;
use crate::operator::Keys;
use crate::source::{AgeKeys, KeyStore};

/// The store of a repository: its directory of local age files, read and written with the operator's keys.
///
/// # Errors
/// When the manifest names nobody to encrypt to.
pub fn key_store<'a>(repository: &'a Repository, keys: &'a Keys) -> Result<Box<dyn KeyStore + 'a>> {
    let recipients = repository.manifest().secret_recipients()?;
    Ok(Box::new(AgeKeys::new(
        repository.secrets_directory(),
        Box::new(|| keys.identities()),
        Box::new(move |text| bundle::encrypt(text, &recipients, keys.callbacks())),
    )))
}
