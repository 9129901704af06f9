//! How pkeys' own commands write what they change: accepted on this machine, and only that.

use super::accept::{accept_with, is_in_force};
use super::accepted::Trusted;
use super::claims::of_repository;
use super::words;
use crate::base::{HostName, Result};
use crate::keys::{UserKey, UserKeys, hosts_of};
use crate::manifest::{Edit, Manifest, Repository};
use crate::trust::{Claim, Word};
use std::collections::BTreeSet;

/// Accepts what an edit adds, and writes `pkeys.toml`.
///
/// # Errors
/// If the result would not parse, or a file cannot be written; then `pkeys.toml` is untouched.
pub fn save_manifest(repository: &mut Repository, edit: &Edit) -> Result<()> {
    // What stands in a keys.toml that cannot be read is not added by this edit.
    let keys = UserKeys::load(repository).unwrap_or_default();
    let preview = repository.preview(edit)?;
    let change = Change::between(repository, (repository.manifest(), &keys), (&preview, &keys))?;
    if let Some(change) = &change {
        accept_with(repository, &change.new, &change.new_words)?;
    }
    #[expect(clippy::disallowed_methods, reason = "the claims are accepted")]
    repository.save(edit)?;
    change.map_or(Ok(()), |change| change.forget(repository))
}

/// Writes `pkeys.toml` on the worst day: as [`save_manifest`] where something of this fleet is pinned, else without pins, so
/// that a machine that has accepted nothing does not look as if it had.
///
/// # Errors
/// As [`save_manifest`].
pub fn save_manifest_in_emergency(repository: &mut Repository, edit: &Edit) -> Result<()> {
    if repository.pins().is_ok_and(|pins| !pins.is_empty()) {
        return save_manifest(repository, edit);
    }
    #[expect(clippy::disallowed_methods, reason = "there are no pins that could accept it")]
    repository.save(edit)
}

/// Accepts what these keys add to those in `keys.toml`, and writes them.
///
/// # Errors
/// If a file cannot be written; then `keys.toml` is untouched.
pub fn save_keys(repository: &Repository, keys: &UserKeys) -> Result<()> {
    let old = UserKeys::load(repository).unwrap_or_default();
    let manifest = repository.manifest();
    let change = Change::between(repository, (manifest, &old), (manifest, keys))?;
    if let Some(change) = &change {
        accept_with(repository, &change.new, &change.new_words)?;
    }
    #[expect(clippy::disallowed_methods, reason = "the claims are accepted")]
    keys.save(repository)?;
    change.map_or(Ok(()), |change| change.forget(repository))
}

/// As [`save_keys`], for a new key in the place of another: it is accepted where the other one is in force, and nowhere
/// else, whatever `keys.toml` says of its hosts and options.
///
/// # Errors
/// As [`save_keys`]; if a bundle cannot be read.
pub fn save_successor(repository: &Repository, keys: &UserKeys, old: &UserKey, new: &UserKey) -> Result<()> {
    let trusted = Trusted::of(repository).ok();
    let claim =
        |host: &HostName, line: &UserKey| Claim::Key { host: host.clone(), user: line.user.clone(), line: line.line() };
    let mut claims = Vec::new();
    for host in hosts_of(repository.manifest(), new) {
        // An emergency may have taken it off before there was a new one.
        let was_withdrawn = repository.pins()?.knows(&words::withdrawn(old, host));
        if was_withdrawn || is_in_force(repository, trusted.as_ref(), &claim(host, old))? {
            claims.push(claim(host, new));
        }
    }
    let word = |key: &UserKey| Word::Key { user: key.user.clone(), line: key.line() };
    let is_own = repository.pins()?.knows(&word(old));
    accept_with(repository, &claims, &is_own.then(|| word(new)).into_iter().collect())?;
    #[expect(clippy::disallowed_methods, reason = "the claims are accepted")]
    keys.save(repository)
}

/// What a command adds and takes away.
struct Change {
    /// What the command itself says; not what it makes of entries that somebody else has written.
    new: Vec<Claim>,
    new_words: BTreeSet<Word>,
    gone: Vec<Claim>,
    gone_words: BTreeSet<Word>,
}

impl Change {
    fn between(
        repository: &Repository,
        old: (&Manifest, &UserKeys),
        new: (&Manifest, &UserKeys),
    ) -> Result<Option<Self>> {
        if repository.manifest().fleet.is_none() {
            // A repository of an earlier version: `init` gives it a fleet id before anything of it can be pinned.
            return Ok(None);
        }
        let (words, words_before) = (words::of_repository(new.0, new.1), words::of_repository(old.0, old.1));
        let (claims, claims_before) = (of_repository(new.0, new.1), of_repository(old.0, old.1));
        let mut new_words: BTreeSet<_> = words.difference(&words_before).cloned().collect();
        forget_what_was_not_there(repository, &mut new_words)?;
        let pins = repository.pins()?;
        let knows = |word: &Word| !words_before.contains(word) || pins.knows(word);
        let added = claims.difference(&claims_before).filter(|claim| words::follows(claim, new.0, new.1, &knows));
        Ok(Some(Self {
            new: added.cloned().collect(),
            new_words,
            gone: claims_before.difference(&claims).cloned().collect(),
            gone_words: words_before.difference(&words).cloned().collect(),
        }))
    }

    /// Forgets what is gone, once it is gone.
    fn forget(&self, repository: &Repository) -> Result<()> {
        repository.pins()?.take_back(&self.gone, &self.gone_words)
    }
}

/// A key that is taken off a host without having been in force there leaves no place for another.
fn forget_what_was_not_there(repository: &Repository, words: &mut BTreeSet<Word>) -> Result<()> {
    let trusted = Trusted::of(repository).ok();
    let mut vain = Vec::new();
    for word in words.iter() {
        if let Word::Withdrawn { host, user, line } = word {
            let claim = Claim::Key { host: host.clone(), user: user.clone(), line: line.clone() };
            if !is_in_force(repository, trusted.as_ref(), &claim)? {
                vain.push(word.clone());
            }
        }
    }
    words.retain(|word| !vain.contains(word));
    Ok(())
}
