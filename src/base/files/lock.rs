//! Keeping writers apart, and removing what a killed one left.

use super::directory::remove_flat;
use super::place::{Links, Place, Spot, names};
use super::{TEMPORARY, parent};
use crate::base::{Error, Result};
use rustix::fs::{AtFlags, FlockOperation, OFlags};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

/// Blocks until the exclusive lock is acquired; retries on EINTR. It is released when what is opened is closed.
///
/// # Errors
/// When the file system has no locks.
pub fn lock(opened: impl AsFd) -> rustix::io::Result<()> {
    rustix::io::retry_on_intr(|| rustix::fs::flock(&opened, FlockOperation::LockExclusive))
}

/// Blocks until no other process holds the lock of the directory that a file is in, and removes what a killed run left
/// of the file. The lock is held until what is returned is dropped. Whoever can read the directory can hold its lock:
/// only for directories that are private, and for the host's program.
///
/// # Errors
/// When the directory cannot be opened.
pub fn claim(path: &Path) -> Result<File> {
    let above = parent(path);
    let directory = File::open(above).map_err(|e| Error::io("open", above, &e))?;
    lock(&directory).map_err(|e| Error::io("lock", above, &e.into()))?;
    sweep_beside(path);
    Ok(directory)
}

/// Removes what killed runs left of one file. Only for whoever holds the lock under which it is written.
pub fn sweep_beside(place: &(impl Place + ?Sized)) {
    let name = place.shown().file_name().map(|n| n.to_string_lossy()).unwrap_or_default();
    sweep_those(&place.above(), &format!("{TEMPORARY}{name}-"));
}

/// Removes what killed runs left in a directory. Only for whoever holds the lock under which it is written.
pub fn sweep(directory: &(impl Place + ?Sized)) {
    sweep_those(directory, TEMPORARY);
}

fn sweep_those(directory: &(impl Place + ?Sized), start: &str) {
    let Ok(Some(spot)) = directory.spot(Links::Follow) else { return };
    let Ok(opened) = spot.open(OFlags::RDONLY | OFlags::DIRECTORY, 0) else { return };
    let left = names(&opened).unwrap_or_default();
    for name in left.into_iter().filter(|name| name.to_string_lossy().starts_with(start)) {
        let Ok(directory) = opened.try_clone() else { return };
        let spot = Spot { directory: directory.into(), name };
        if rustix::fs::unlinkat(&spot.directory, &spot.name, AtFlags::empty()).is_err() {
            let _ = remove_flat(&spot);
        }
    }
}
