//! Who can change the directories above a place.

use crate::base::{Error, Result};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Makes sure that no other user can exchange what this user makes at `path`: every directory above it belongs to this
/// user or to root, and where everybody may write, only owners may rename (the sticky bit).
///
/// # Errors
/// If another user could, or the directory above does not exist.
pub fn check_parent(path: &Path) -> Result<()> {
    let above = super::parent(path);
    let real = fs::canonicalize(above)
        .map_err(|e| Error::io("open", above, &e).hint("make that directory first, or name one that is there"))?;
    let user = rustix::process::geteuid().as_raw();
    for directory in real.ancestors() {
        let found = fs::metadata(directory).map_err(|e| Error::io("open", directory, &e))?;
        let everybody = found.mode() & 0o1002 == 0o002;
        if everybody || ![user, 0].contains(&found.uid()) {
            return Err(others(directory));
        }
    }
    Ok(())
}

fn others(path: &Path) -> Error {
    Error::new(format!("other users can change {}", path.display()))
        .hint("name a place below a directory that only you can change: $XDG_RUNTIME_DIR, or for root /var/lib")
}
