//! Nix files that change: planned, shown, then written whole.

use super::tree::MAX_FILE;
use crate::base::files::{self, Beneath, Place};
use crate::base::{Error, Result};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A file that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// From the repository's root.
    pub path: PathBuf,
    /// Its text now.
    pub old: String,
    /// Its text afterwards.
    pub new: String,
}

/// Makes sure that all of them can be written and are as they were when that was planned, and takes away what a killed
/// run left beside them. To be called before anything is written.
///
/// # Errors
/// When one is read-only, was changed meanwhile, or cannot be read.
pub fn prepare(root: &Path, all: &[Changed]) -> Result<()> {
    let root = Beneath::root(root)?;
    for changed in all {
        let path = root.join(&changed.path);
        files::sweep(&path.above());
        let changed_meanwhile = || {
            Error::new(format!("{} was changed meanwhile; pkeys changed nothing", path.display())).hint("run it again")
        };
        let file = path.open()?.ok_or_else(changed_meanwhile)?;
        let found = file.metadata().map_err(|e| Error::io("read", path.path(), &e))?;
        if found.permissions().mode() & 0o222 == 0 {
            let error = Error::new(format!("{} is read-only; nothing was changed", path.display()));
            return Err(error.hint(format!("`chmod u+w {}`, or name the other files", path.display())));
        }
        if files::read(&path, MAX_FILE)?.unwrap_or_default() != changed.old.as_bytes() {
            return Err(changed_meanwhile());
        }
    }
    Ok(())
}

/// Writes them, each whole.
///
/// # Errors
/// When one cannot be written; those before it are written then.
pub fn write(root: &Path, all: &[Changed]) -> Result<()> {
    let root = Beneath::root(root)?;
    all.iter().try_for_each(|changed| files::write(&root.join(&changed.path), changed.new.as_bytes(), files::PUBLIC))
}
