//! Doing what was planned: each file whole, in an order in which a user has at no moment fewer keys.

use super::plan::Adoption;
use crate::audit::{self, Action};
use crate::base::Result;
use crate::grants;
use crate::manifest::{Repository, Selector};
use crate::nixfiles::{prepare, write};

/// Writes `pkeys.toml`, `keys.toml` and then the Nix files. A run that is killed leaves keys that stand in both places; the
/// next run goes on from there.
///
/// # Errors
/// When the repository is not locked or its files were changed since the plan was made, when a file is read-only, and
/// when one cannot be written. Only in the last case something was changed.
pub fn take(repository: &mut Repository, adoption: &Adoption) -> Result<()> {
    debug_assert!(repository.is_locked(), "files are changed under the lock");
    prepare(repository.root(), &adoption.changed)?;
    let actions = adoption.taken.iter().map(|taken| {
        let action = Action::new("adopt").text("user", &taken.user).text("label", &taken.label);
        let from = taken.from.iter().map(|(file, line)| format!("{}:{line}", file.display()));
        action.text("fingerprint", &taken.fingerprint).list("hosts", &taken.hosts).list("from", from)
    });
    audit::append(repository, &actions.collect::<Vec<_>>())?;
    if !adoption.users.is_empty() {
        let mut edit = repository.edit()?;
        for (user, hosts) in &adoption.users {
            let hosts: Vec<_> = hosts.iter().map(Selector::to_string).collect();
            edit.set_list(&["users", user.as_str()], "hosts", &hosts)?;
        }
        grants::save_manifest(repository, &edit)?;
    }
    grants::save_keys(repository, &adoption.keys)?;
    write(repository.root(), &adoption.changed)
}
