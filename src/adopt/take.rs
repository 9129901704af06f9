//! Doing what was planned: each file whole, in an order in which a user has at no moment fewer keys.

use super::plan::Adoption;
use crate::audit::{self, Action};
use crate::base::{Error, Result, files};
use crate::manifest::{Repository, Selector};
use crate::nixfiles::MAX_FILE;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Writes `pkeys.toml`, `keys.toml` and then the Nix files. A run that is killed leaves keys that stand in both places; the
/// next run goes on from there.
///
/// # Errors
/// When the repository is not locked or its files were changed since the plan was made, when a file is read-only, and
/// when one cannot be written. Only in the last case something was changed.
pub fn take(repository: &mut Repository, adoption: &Adoption) -> Result<()> {
    debug_assert!(repository.is_locked(), "files are changed under the lock");
    for changed in &adoption.changed {
        let path = repository.root().join(&changed.path);
        // What a killed run left.
        path.parent().into_iter().for_each(files::sweep);
        writable(&path, &changed.old)?;
    }
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
        repository.save(&edit)?;
    }
    adoption.keys.save(repository)?;
    for changed in &adoption.changed {
        files::write(&repository.root().join(&changed.path), changed.new.as_bytes(), files::PUBLIC)?;
    }
    Ok(())
}

fn writable(path: &Path, planned: &str) -> Result<()> {
    let found = std::fs::metadata(path).map_err(|e| Error::io("read", path, &e))?;
    if found.permissions().mode() & 0o222 == 0 {
        let error = Error::new(format!("{} is read-only; nothing was changed", path.display()));
        return Err(error.hint(format!("`chmod u+w {}`, or name the other files", path.display())));
    }
    let now = files::read(path, MAX_FILE)?.unwrap_or_default();
    if now == planned.as_bytes() {
        return Ok(());
    }
    Err(Error::new(format!("{} was changed meanwhile; nothing was changed by pkeys", path.display()))
        .hint("run it again"))
}

/// The files that git knows and that differ from the last commit; none where there is no git.
pub fn uncommitted(root: &Path) -> Vec<PathBuf> {
    let mut git = Command::new("git");
    git.arg("-C").arg(root).args(["status", "--porcelain", "--untracked-files=no", "-z", "--", "."]);
    let Ok(output) = git.stdin(Stdio::null()).output() else { return Vec::new() };
    let entries = output.stdout.split(|byte| *byte == 0).filter(|entry| entry.len() > 3);
    entries.map(|entry| String::from_utf8_lossy(&entry[3..]).into_owned().into()).collect()
}
