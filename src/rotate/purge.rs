//! Deleting the archived private halves whose time is over.

use crate::audit::{self, Action};
use crate::base::{KeyLabel, Result, UserName};
use crate::keys::{UserKey, UserKeys, today};
use crate::manifest::Repository;
use crate::operator::Keys;
use crate::rotate::key_store;
use crate::source::{KeyPlace, KeyRecord};
use std::collections::BTreeSet;

/// An archived private half.
#[derive(Debug)]
pub struct Archived {
    /// The date (RFC 3339, UTC) from which it may be deleted.
    pub until: String,
    /// Whether that day has come.
    pub over: bool,
}

/// Every place that ever had a key: of `keys.toml`, and of the log, which knows those that were removed too.
fn places(repository: &Repository) -> Result<BTreeSet<KeyPlace>> {
    let keys = UserKeys::load(repository)?;
    let mut places: BTreeSet<KeyPlace> = keys.all().iter().map(UserKey::place).collect();
    for entry in audit::read(repository)?.entries.into_iter().map(|(_, entry)| entry) {
        let name = |key: &str| entry.details.get(key).and_then(|value| value.as_str()).map(ToOwned::to_owned);
        if let (Some(user), Some(label)) = (name("user"), name("label"))
            && let (Ok(user), Ok(label)) = (UserName::new(user), KeyLabel::new(label))
        {
            places.insert(KeyPlace { user, label });
        }
    }
    Ok(places)
}

/// Deletes the archived private halves whose day has come, but in a dry run. Returns all that are archived, with what could
/// not be read or deleted.
///
/// # Errors
/// When it is not known which keys there are.
pub fn purge(repository: &Repository, keys: &Keys, dry_run: bool) -> Result<Vec<(KeyPlace, Result<Archived>)>> {
    let today = today().to_string();
    let mut found = Vec::new();
    for place in places(repository)? {
        match purge_one(repository, keys, &place, &today, dry_run) {
            Ok(None) => {}
            Ok(Some(archived)) => found.push((place, Ok(archived))),
            Err(e) => found.push((place, Err(e))),
        }
    }
    Ok(found)
}

fn purge_one(
    repository: &Repository,
    keys: &Keys,
    place: &KeyPlace,
    today: &str,
    dry_run: bool,
) -> Result<Option<Archived>> {
    let (store, _) = key_store(repository, keys, &place.user)?;
    let Some(KeyRecord { current, previous, archived: Some((_, until)) }) = store.read(place)? else {
        return Ok(None);
    };
    // Dates of RFC 3339 sort as text.
    let over = until.as_str() <= today;
    if over && !dry_run {
        let action = Action::new("rotate").text("user", &place.user).text("label", &place.label);
        audit::append(repository, &[action.text("step", "purged")])?;
        store.write(place, &KeyRecord { current, previous, archived: None })?;
    }
    Ok(Some(Archived { until, over }))
}
