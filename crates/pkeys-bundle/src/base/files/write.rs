//! Writing single files, whole or not at all.

use super::place::{Links, Place, Spot, bits, kind, permissions};
use super::{PRIVATE, TEMPORARY};
use crate::base::{Error, Result};
use rand_core::{OsRng, RngCore};
use rustix::fs::{AtFlags, FileType, OFlags, RenameFlags, renameat_with};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::AsFd;

/// Writes a file whole, replacing what was there. An existing file keeps its mode; a new one gets `mode`. A link keeps
/// pointing where it points: its target is replaced, not the link.
///
/// # Errors
/// When it could not be written; then what was there is untouched.
pub fn write(place: &(impl Place + ?Sized), bytes: &[u8], mode: u32) -> Result<()> {
    let spot = need(place, Links::Follow, "write")?;
    put(place, &spot, bytes, mode)
}

/// Writes a file that others may see, at a place that a user named. A link there is refused: in a directory like `/tmp`
/// another user may have made it.
///
/// # Errors
/// When it could not be written; then what was there is untouched.
pub fn write_output(place: &(impl Place + ?Sized), bytes: &[u8], mode: u32) -> Result<()> {
    let spot = need(place, Links::Keep, "write")?;
    put(place, &spot, bytes, mode)
}

fn put(place: &(impl Place + ?Sized), spot: &Spot, bytes: &[u8], mode: u32) -> Result<()> {
    let failed = |e| Error::io("write", place.shown(), &e);
    let mode = match spot.stat().map_err(failed)? {
        None => mode,
        Some(old) if kind(&old) == FileType::RegularFile => permissions(&old),
        Some(_) => return Err(not_regular(place)),
    };
    let temporary = temporary_file(spot, bytes, mode).map_err(failed)?;
    rustix::fs::renameat(&spot.directory, &temporary, &spot.directory, &spot.name).map_err(|e| {
        let _ = unlink(spot, &temporary);
        failed(e.into())
    })?;
    spot.sync(place.shown())
}

/// Writes a new file whole. Returns false, and changes nothing, when something is there already.
///
/// # Errors
/// When it could not be written.
pub fn write_new(place: &(impl Place + ?Sized), bytes: &[u8], mode: u32) -> Result<bool> {
    let failed = |e| Error::io("write", place.shown(), &e);
    let spot = need(place, Links::Keep, "write")?;
    if spot.stat().map_err(failed)?.is_some() {
        return Ok(false);
    }
    let temporary = temporary_file(&spot, bytes, mode).map_err(failed)?;
    let linked = rustix::fs::linkat(&spot.directory, &temporary, &spot.directory, &spot.name, AtFlags::empty());
    let _ = unlink(&spot, &temporary);
    match linked {
        Ok(()) => spot.sync(place.shown()).map(|()| true),
        Err(rustix::io::Errno::EXIST) => Ok(false),
        Err(e) => Err(failed(e.into())),
    }
}

/// Continues a file after its first `keep` bytes, and waits until it is on the disk. What followed them goes. A new file
/// gets `mode`.
///
/// # Errors
/// When it could not be written; then the file ends after `keep` bytes, unless the disk fails altogether.
pub fn append(place: &(impl Place + ?Sized), keep: u64, bytes: &[u8], mode: u32) -> Result<()> {
    let failed = |e| Error::io("write", place.shown(), &e);
    let spot = need(place, Links::Follow, "write")?;
    let old = spot.stat().map_err(failed)?;
    // A device must not even be opened.
    if old.is_some_and(|old| kind(&old) != FileType::RegularFile) {
        return Err(not_regular(place));
    }
    let mut file = spot.open(OFlags::WRONLY | OFlags::CREATE, mode).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() {
        return Err(not_regular(place));
    }
    if found.len() > keep {
        file.set_len(keep).map_err(failed)?;
    }
    file.seek(SeekFrom::Start(keep)).map_err(failed)?;
    if let Err(e) = file.write_all(bytes).and_then(|()| file.sync_all()) {
        let _ = file.set_len(keep);
        return Err(failed(e));
    }
    if old.is_none() { spot.sync(place.shown()) } else { Ok(()) }
}

/// Lets two files change places, in one step.
///
/// # Errors
/// When one is not there, or the file system cannot do it; then both are where they were.
pub fn exchange_files(one: &impl Place, other: &impl Place) -> Result<()> {
    let (first, second) = (need(one, Links::Keep, "exchange")?, need(other, Links::Keep, "exchange")?);
    renameat_with(&first.directory, &first.name, &second.directory, &second.name, RenameFlags::EXCHANGE)
        .map_err(|e| Error::io("exchange", one.shown(), &e.into()))?;
    first.sync(one.shown())?;
    second.sync(other.shown())
}

/// Removes a file, or a link itself; never a directory. Returns false when nothing was there.
///
/// # Errors
/// When it could not be removed.
pub fn remove(place: &(impl Place + ?Sized)) -> Result<bool> {
    let Some(spot) = place.spot(Links::Keep)? else { return Ok(false) };
    match unlink(&spot, &spot.name) {
        Ok(()) => spot.sync(place.shown()).map(|()| true),
        Err(rustix::io::Errno::NOENT) => Ok(false),
        Err(e) => Err(Error::io("remove", place.shown(), &e.into())),
    }
}

/// The directory that a place is in, which must be there.
pub(super) fn need(place: &(impl Place + ?Sized), links: Links, doing: &str) -> Result<Spot> {
    let missing = || Error::io(doing, place.shown(), &io::ErrorKind::NotFound.into());
    place.spot(links)?.ok_or_else(missing)
}

pub(super) fn unlink(spot: &Spot, name: &OsString) -> rustix::io::Result<()> {
    rustix::fs::unlinkat(&spot.directory, name, AtFlags::empty())
}

/// `.pkeys-tmp-NAME-RANDOM`, for what is written beside a place.
pub(super) fn temporary_name(spot: &Spot) -> OsString {
    format!("{TEMPORARY}{}-{:016x}", spot.name.to_string_lossy(), OsRng.next_u64()).into()
}

fn temporary_file(spot: &Spot, bytes: &[u8], mode: u32) -> io::Result<OsString> {
    let temporary = temporary_name(spot);
    let written = write_synced(&spot.directory, &temporary, bytes, mode);
    if written.is_err() {
        let _ = unlink(spot, &temporary);
    }
    written.map(|()| temporary)
}

pub(super) fn write_synced(
    directory: impl AsFd,
    name: impl rustix::path::Arg,
    bytes: &[u8],
    mode: u32,
) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file: File = rustix::fs::openat(directory, name, flags, bits(PRIVATE & mode))?.into();
    file.write_all(bytes)?;
    rustix::fs::fchmod(&file, bits(mode))?;
    file.sync_all()
}

fn not_regular(place: &(impl Place + ?Sized)) -> Error {
    Error::new(format!("{} is not a regular file", place.shown().display()))
        .hint("remove it, or name another place; nothing was changed")
}
