//! New directories for secrets, at places that a user names: below `/dev/shm` or `/tmp`, others may write too.

use super::place::{Links, Place, bits};
use super::{Beneath, check_parent};
use crate::base::{Error, Result};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Makes a directory that only this user can open (0700), and opens it: files in it are written through the returned
/// place, whatever happens to its name. The directories above it must be there.
///
/// # Errors
/// When something is there already, or another user could exchange what is made.
pub fn new_directory(path: &Path) -> Result<Beneath> {
    match make(path)? {
        (true, place) => Ok(place),
        (false, _) => Err(Error::new(format!("{} is there already", path.display()))
            .hint("name a new directory: pkeys makes it, so that no other user can have made it")),
    }
}

/// The same, but a directory that is there already is taken if only this user can open it.
///
/// # Errors
/// When other users can open it, or could exchange it.
pub fn private_directory(path: &Path) -> Result<Beneath> {
    make(path).map(|(_, place)| place)
}

/// Makes and opens a directory. Says whether it is new.
fn make(path: &Path) -> Result<(bool, Beneath)> {
    check_parent(path)?;
    let failed = |e: std::io::Error| Error::io("make", path, &e);
    let spot = path.spot(Links::Keep)?.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
    let new = match rustix::fs::mkdirat(&spot.directory, &spot.name, bits(0o700)) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(e) => return Err(failed(e.into())),
    };
    let opened = match spot.open(OFlags::RDONLY | OFlags::DIRECTORY, 0) {
        // A link, or no directory.
        Err(_) if !new => return Err(taken(path)),
        opened => OwnedFd::from(opened.map_err(failed)?),
    };
    let found = rustix::fs::fstat(&opened).map_err(|e| failed(e.into()))?;
    let own = found.st_uid == rustix::process::geteuid().as_raw();
    if !own || Mode::from_raw_mode(found.st_mode).intersects(bits(0o077)) {
        return Err(taken(path));
    }
    Ok((new, Beneath::of(opened, path)))
}

fn taken(path: &Path) -> Error {
    Error::new(format!("{} is there already, and not a private directory of yours", path.display()))
        .hint("name a new directory: pkeys makes it, so that no other user can have made it")
}
