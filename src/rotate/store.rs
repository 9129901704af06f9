//! Which store keeps the private halves of user keys.

use crate::base::{Error, Result, UserName};
use crate::bundle;
use crate::keys::today;
use crate::manifest::{Repository, Store};
use crate::operator::Keys;
use crate::source::{AgeKeys, KeyPlace, KeyRecord, KeyStore};
use jiff::Span;

/// How long an old private half is kept, in days.
const ARCHIVED: i64 = 30;

/// The store of a user's keys: the repository's local age files, read and written with the operator's keys.
///
/// # Errors
/// When `pkeys.toml` names another store, or nobody to encrypt to.
pub fn key_store<'a>(repository: &'a Repository, keys: &'a Keys, user: &UserName) -> Result<Box<dyn KeyStore + 'a>> {
    let manifest = repository.manifest();
    if let Some(Store::Op(_)) = manifest.users.get(user).and_then(|user| user.store.as_ref()) {
        return Err(Error::new("keys that pkeys makes cannot be kept in 1Password by this version")
            .hint(format!("set store = \"age\" for [users.{user}] in pkeys.toml")));
    }
    let recipients = manifest.secret_recipients()?;
    Ok(Box::new(AgeKeys::new(
        repository.secrets_directory(),
        Box::new(|| keys.identities()),
        Box::new(move |text| bundle::encrypt(text, &recipients, keys.callbacks())),
    )))
}

/// Puts the current key of a place aside, so that it is not taken for a new one. Returns until when it is kept.
///
/// # Errors
/// When the store cannot be read or written.
pub fn archive(store: &dyn KeyStore, place: &KeyPlace) -> Result<Option<String>> {
    let Some(KeyRecord { current: Some(current), previous, .. }) = store.read(place)? else { return Ok(None) };
    let until = archived_until();
    store.write(place, &KeyRecord { current: None, previous, archived: Some((current, until.clone())) })?;
    Ok(Some(until))
}

/// The day from which a key that is archived today may be deleted.
pub(super) fn archived_until() -> String {
    today().saturating_add(Span::new().days(ARCHIVED)).to_string()
}
