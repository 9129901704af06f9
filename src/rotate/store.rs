//! Which store keeps the private halves of user keys.

use crate::base::{Result, UserName};
use crate::bundle;
use crate::grants;
use crate::keys::today;
use crate::manifest::{Repository, Store};
use crate::operator::Keys;
use crate::render::connect_to;
use crate::source::{AgeKeys, ConnectKeys, KeyPlace, KeyRecord, KeyStore};
use jiff::Span;
use std::rc::Rc;

/// How long an old private half is kept, in days.
const ARCHIVED: i64 = 30;

/// The store of a user's keys: a vault of 1Password if `pkeys.toml` says so, else the repository's local age files. With
/// what the operator should know of it.
///
/// # Errors
/// When the vault was not accepted, or `pkeys.toml` names no Connect server.
pub fn key_store<'a>(
    repository: &'a Repository,
    keys: &'a Keys,
    user: &UserName,
) -> Result<(Box<dyn KeyStore + 'a>, Vec<String>)> {
    let manifest = repository.manifest();
    if let Some(Store::Op(vault)) = manifest.users.get(user).and_then(|user| user.store.as_ref()) {
        grants::require_key_vault(repository, user)?;
        let connect = connect_to(repository, vault)?;
        let warnings = connect.warnings();
        return Ok((Box::new(ConnectKeys::new(Rc::new(connect), vault.as_str())?), warnings));
    }
    // Who may read it is asked when something is written: in an emergency, a key goes from its hosts whoever was added.
    let encrypt = move |text: &_| bundle::encrypt(text, &grants::secret_recipients(repository)?, keys.callbacks());
    let store = AgeKeys::new(repository.secrets_directory(), Box::new(|| keys.identities()), Box::new(encrypt));
    Ok((Box::new(store), Vec::new()))
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
