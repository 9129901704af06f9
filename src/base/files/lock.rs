//! Keeping writers apart, and taking away what a killed one left.

use super::{TEMPORARY, parent};
use crate::base::{Error, Result};
use rustix::fs::FlockOperation;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;

/// Waits until no other process holds the lock of what is opened, and takes it; signals do not end the waiting. It is
/// released when that is closed.
///
/// # Errors
/// When the file system has no locks.
pub fn lock(opened: impl AsFd) -> rustix::io::Result<()> {
    rustix::io::retry_on_intr(|| rustix::fs::flock(&opened, FlockOperation::LockExclusive))
}

/// Waits until no other process holds the directory's lock, and takes it. It is released when dropped.
///
/// # Errors
/// When the directory cannot be opened.
pub fn lock_directory(path: &Path) -> Result<File> {
    let directory = File::open(path).map_err(|e| Error::io("open", path, &e))?;
    lock(&directory).map_err(|e| Error::io("lock", path, &e.into()))?;
    Ok(directory)
}

/// Before a file is written outside of what the repository's lock covers: waits for others who write in its directory,
/// and takes away what a killed run left of it. What it returns is held until the file is written.
///
/// # Errors
/// When the directory cannot be opened.
pub fn claim(path: &Path) -> Result<File> {
    let lock = lock_directory(parent(path))?;
    let name = path.file_name().map(|n| n.to_string_lossy()).unwrap_or_default();
    sweep_those(parent(path), &format!("{TEMPORARY}{name}-"));
    Ok(lock)
}

/// Takes away what killed runs left in a directory. Only for whoever holds the lock under which it is written.
pub fn sweep(directory: &Path) {
    sweep_those(directory, TEMPORARY);
}

fn sweep_those(directory: &Path, start: &str) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(start) {
            let _ = match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                true => fs::remove_dir_all(entry.path()),
                false => fs::remove_file(entry.path()),
            };
        }
    }
}
