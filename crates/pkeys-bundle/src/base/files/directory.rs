//! Replacing and removing a directory of known files, in one step. A directory that holds anything else is left alone.

use super::place::{Links, Place, Spot, bits, kind, names, sync};
use super::write::{need, temporary_name, write_synced};
use super::{PUBLIC, TEMPORARY};
use crate::base::{Error, Result};
use rustix::fs::{AtFlags, FileType, OFlags, RenameFlags, renameat, renameat_with};
use rustix::io::Errno;
use std::ffi::OsString;
use std::io;
use std::path::Path;

/// Makes the directory `place` hold exactly `files`, replacing what was there in one step.
///
/// # Errors
/// When what is there is a link, or holds anything but files of these names; when it could not be written. Then what was
/// there is untouched.
pub fn replace_directory(place: &(impl Place + ?Sized), files: &[(&str, &[u8])]) -> Result<()> {
    place.above().make_directories()?;
    let spot = need(place, Links::Keep, "write")?;
    let known: Vec<_> = files.iter().map(|(name, _)| *name).collect();
    check(place.shown(), &spot, &known)?;
    let failed = |e| Error::io("write", place.shown(), &e);
    let new = Spot { name: temporary_name(&spot), directory: spot.directory };
    let result = fill(&new, files).and_then(|()| exchange(&new, &spot.name));
    let swept = remove_flat(&new);
    result.map_err(failed)?;
    swept.map_err(|e| Error::io("remove", &place.shown().with_file_name(&new.name), &e))?;
    new.sync(place.shown())
}

/// Removes a directory of files of these names, in one step. Returns false when nothing was there.
///
/// # Errors
/// When it is a link, or holds anything else: then nothing was changed. When it could not be removed.
pub fn remove_directory(place: &(impl Place + ?Sized), known: &[&str]) -> Result<bool> {
    let Some(spot) = place.spot(Links::Keep)? else { return Ok(false) };
    if !check(place.shown(), &spot, known)? {
        return Ok(false);
    }
    let failed = |e| Error::io("remove", place.shown(), &e);
    let aside = Spot { name: temporary_name(&spot), directory: spot.directory };
    renameat(&aside.directory, &spot.name, &aside.directory, &aside.name).map_err(|e| failed(e.into()))?;
    remove_flat(&aside).map_err(failed)?;
    aside.sync(place.shown()).map(|()| true)
}

/// Makes sure that a directory holds nothing but such files. Returns whether it is there.
fn check(shown: &Path, spot: &Spot, known: &[&str]) -> Result<bool> {
    let failed = |e| Error::io("read", shown, &e);
    let refused = |what: String| Error::new(what).hint("move it away, and run it again; nothing was changed");
    match spot.stat().map_err(failed)?.as_ref().map(kind) {
        None => return Ok(false),
        Some(FileType::Directory) => {}
        Some(FileType::Symlink) => {
            return Err(refused(format!("{} is a link where a directory of pkeys belongs", shown.display())));
        }
        Some(_) => return Err(refused(format!("{} is no directory", shown.display()))),
    }
    let directory = spot.open(OFlags::RDONLY | OFlags::DIRECTORY, 0).map_err(failed)?;
    for name in names(&directory).map_err(failed)? {
        let own = name.to_str().is_some_and(|name| known.contains(&name) || name.starts_with(TEMPORARY));
        let stat = rustix::fs::statat(&directory, &name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| failed(e.into()))?;
        if !own || kind(&stat) == FileType::Directory {
            return Err(refused(format!("{} is not a file of pkeys", shown.join(name).display())));
        }
    }
    Ok(true)
}

fn fill(new: &Spot, files: &[(&str, &[u8])]) -> io::Result<()> {
    rustix::fs::mkdirat(&new.directory, &new.name, bits(0o755))?;
    let directory = new.open(OFlags::RDONLY | OFlags::DIRECTORY, 0)?;
    for (name, bytes) in files {
        write_synced(&directory, *name, bytes, PUBLIC)?;
    }
    sync(directory)
}

/// Puts the directory `new` at `name`; what was at `name` is at `new` afterwards.
fn exchange(new: &Spot, name: &OsString) -> io::Result<()> {
    let directory = &new.directory;
    match renameat_with(directory, &new.name, directory, name, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(Errno::NOENT) => Ok(renameat(directory, &new.name, directory, name)?),
        // A file system that cannot exchange: one step more, and a moment with nothing at `name`.
        Err(Errno::INVAL | Errno::NOSYS) => {
            let old = temporary_name(new);
            renameat(directory, name, directory, &old)?;
            if let Err(e) = renameat(directory, &new.name, directory, name) {
                let _ = renameat(directory, &old, directory, name);
                return Err(e.into());
            }
            Ok(renameat(directory, &old, directory, &new.name)?)
        }
        Err(e) => Err(e.into()),
    }
}

/// Removes a directory and the files in it, but no directory in it.
pub(super) fn remove_flat(spot: &Spot) -> io::Result<()> {
    let directory = match spot.open(OFlags::RDONLY | OFlags::DIRECTORY, 0) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    for name in names(&directory)? {
        rustix::fs::unlinkat(&directory, name, AtFlags::empty())?;
    }
    Ok(rustix::fs::unlinkat(&spot.directory, &spot.name, AtFlags::REMOVEDIR)?)
}
