//! How pkeys' own commands write what they change: accepted on this machine, and only that.

use super::claims::of_repository;
use crate::base::Result;
use crate::bundle::{Recipient, without_comment};
use crate::keys::UserKeys;
use crate::manifest::{Edit, Manifest, Repository};
use crate::source::Reference;
use crate::trust::Claim;
use std::collections::BTreeSet;

/// Accepts what an edit adds, and writes `pkeys.toml`.
///
/// # Errors
/// If the result would not parse, or a file cannot be written; then `pkeys.toml` is untouched.
pub fn save_manifest(repository: &mut Repository, edit: &Edit) -> Result<()> {
    // What stands in a keys.toml that cannot be read is not added by this edit.
    let keys = UserKeys::load(repository).unwrap_or_default();
    let change = Change::between((repository.manifest(), &keys), (&repository.preview(edit)?, &keys));
    change.before(repository)?;
    #[expect(clippy::disallowed_methods, reason = "the claims are accepted")]
    repository.save(edit)?;
    change.after(repository)
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
    let change = Change::between((manifest, &old), (manifest, keys));
    change.before(repository)?;
    #[expect(clippy::disallowed_methods, reason = "the claims are accepted")]
    keys.save(repository)?;
    change.after(repository)
}

/// Accepts everything that a repository says: for one that this command has just made.
///
/// # Errors
/// If `keys.toml` cannot be read, or the pins cannot be written.
pub fn accept_all(repository: &Repository) -> Result<()> {
    let claims = of_repository(repository.manifest(), &UserKeys::load(repository)?);
    repository.pins()?.accept(&claims)
}

/// Accepts the members of the trust set that are this operator's own keys: who runs `init` in a repository accepts themselves.
///
/// # Errors
/// If the pins cannot be written.
pub fn accept_own(repository: &Repository, signer: &str, recipients: &[String]) -> Result<()> {
    let ids: Vec<_> =
        recipients.iter().filter_map(|key| Some(key.parse::<Recipient>().ok()?.id().to_owned())).collect();
    let signer = without_comment(signer);
    let own = repository.manifest().fleet_claims().into_iter().filter(|claim| match claim {
        Claim::Signer { key, .. } => *key == signer,
        Claim::Operator { recipient, .. } => ids.contains(recipient),
        _ => false,
    });
    let own: Vec<_> = own.collect();
    repository.pins()?.accept(&own)
}

/// Accepts the vault of a reference that the operator has typed.
///
/// # Errors
/// If the pins cannot be read or written.
pub fn accept_vault(repository: &Repository, reference: &Reference) -> Result<()> {
    match repository.manifest().vault(reference, None) {
        Some(vault) => repository.pins()?.accept([&vault]),
        None => Ok(()),
    }
}

/// What a command adds and takes away.
struct Change {
    new: Vec<Claim>,
    gone: Vec<Claim>,
}

impl Change {
    fn between(old: (&Manifest, &UserKeys), new: (&Manifest, &UserKeys)) -> Self {
        let before = of_repository(old.0, old.1);
        let after = of_repository(new.0, new.1);
        let only = |one: &BTreeSet<Claim>, other: &BTreeSet<Claim>| one.difference(other).cloned().collect();
        Self { new: only(&after, &before), gone: only(&before, &after) }
    }

    /// Accepts what is new, so that a run that is killed after the file was written is not asked about its own words.
    fn before(&self, repository: &Repository) -> Result<()> {
        match repository.manifest().fleet {
            Some(_) => repository.pins()?.accept(&self.new),
            // A repository of an earlier version: `init` gives it a fleet id before anything of it can be pinned.
            None => Ok(()),
        }
    }

    /// Forgets what is gone, once it is gone.
    fn after(&self, repository: &Repository) -> Result<()> {
        match repository.manifest().fleet {
            Some(_) => repository.pins()?.forget(&self.gone),
            None => Ok(()),
        }
    }
}
