//! Keeping writers apart, and removing what a killed one left.

use super::directory::remove_flat;
use super::place::{Links, Place, Spot, bits, names};
use super::{TEMPORARY, parent};
use crate::base::{Error, Result};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use std::fs::File;
use std::path::Path;

/// Removes what a killed run left of a file, and keeps other runs from doing so until what is returned is dropped.
///
/// `None`, and nothing is removed, if another process holds the directory's lock, or if others may write to the directory: whoever
/// can read it can hold its lock for ever, and what has the name of a left file may be theirs. So nothing is waited for;
/// [`write_new`](super::write_new) needs no lock.
///
/// # Errors
/// If the directory cannot be opened.
pub fn claim(path: &Path) -> Result<Option<File>> {
    let above = parent(path);
    let failed = |doing| move |e: rustix::io::Errno| Error::io(doing, above, &e.into());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = File::from(rustix::fs::open(above, flags, Mode::empty()).map_err(failed("open"))?);
    let found = rustix::fs::fstat(&directory).map_err(failed("open"))?;
    let own = found.st_uid == rustix::process::geteuid().as_raw();
    if !own || Mode::from_raw_mode(found.st_mode).intersects(bits(0o022)) {
        return Ok(None);
    }
    match rustix::io::retry_on_intr(|| rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
        Err(e) => return Err(failed("lock")(e)),
    }
    sweep_beside(path);
    Ok(Some(directory))
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
