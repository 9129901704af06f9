//! Replacing a directory with all that is in it, in one step.

use super::{PUBLIC, make_directories, parent, sync_directory, temporary_name, write_synced};
use crate::base::{Error, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs;
use std::path::Path;

/// Makes the directory `path` hold exactly `files`, replacing what was there in one step.
///
/// # Errors
/// When it could not be written; then what was there is untouched.
pub fn replace_directory(path: &Path, files: &[(&str, &[u8])]) -> Result<()> {
    let above = parent(path);
    make_directories(above)?;
    let new = temporary_name(path);
    let result = fill_directory(&new, files).and_then(|()| exchange(&new, path));
    let swept = fs::remove_dir_all(&new);
    result?;
    match swept {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &new, &e)),
        _ => sync_directory(above),
    }
}

fn fill_directory(new: &Path, files: &[(&str, &[u8])]) -> Result<()> {
    fs::create_dir(new).map_err(|e| Error::io("make", new, &e))?;
    for (name, bytes) in files {
        let path = new.join(name);
        write_synced(&path, bytes, PUBLIC).map_err(|e| Error::io("write", &path, &e))?;
    }
    sync_directory(new)
}

/// Puts the directory `new` at `path`; what was at `path` is at `new` afterwards.
fn exchange(new: &Path, path: &Path) -> Result<()> {
    use rustix::io::Errno;
    match renameat_with(CWD, new, CWD, path, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(Errno::NOENT) => fs::rename(new, path).map_err(|e| Error::io("write", path, &e)),
        // A file system that cannot exchange: one step more, and a moment with nothing at `path`.
        Err(Errno::INVAL | Errno::NOSYS) => {
            let old = temporary_name(path);
            fs::rename(path, &old).map_err(|e| Error::io("replace", path, &e))?;
            if let Err(e) = fs::rename(new, path) {
                let _ = fs::rename(&old, path);
                return Err(Error::io("write", path, &e));
            }
            fs::rename(&old, new).map_err(|e| Error::io("remove", &old, &e))
        }
        Err(e) => Err(Error::io("write", path, &e.into())),
    }
}
