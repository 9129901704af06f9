//! The one place that writes files: whole or not at all.
//!
//! Everything is written to a temporary name beside its place, synced, and renamed. A run that is killed leaves what
//! was there, and perhaps a `.pkeys-tmp-…`, which the next run takes away with [`sweep`].
#![expect(clippy::disallowed_methods, reason = "this is the place that the lint keeps file writing in")]

use crate::base::{Error, Result, SecretBytes};
use rand_core::{OsRng, RngCore};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

mod directory;
mod lock;

pub use directory::replace_directory;
pub use lock::{claim, lock, lock_directory, sweep};

/// What the names of unfinished files and directories start with.
pub const TEMPORARY: &str = ".pkeys-tmp-";

/// Mode of files that everybody may read.
pub const PUBLIC: u32 = 0o644;
/// Mode of files that only their owner may read.
pub const PRIVATE: u32 = 0o600;

/// Writes a file whole, replacing what was there. An existing file keeps its mode; a new one gets `mode`.
///
/// # Errors
/// When it could not be written; then what was there is untouched.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    // A link keeps pointing where it points: its target is replaced, not the link.
    let failed = |e| Error::io("write", path, &e);
    let path = &found(fs::canonicalize(path)).map_err(failed)?.unwrap_or_else(|| path.to_owned());
    let old = found(fs::metadata(path)).map_err(failed)?;
    let mode = old.map_or(mode, |old| old.permissions().mode() & 0o777);
    let temporary = temporary_file(path, bytes, mode)?;
    fs::rename(&temporary, path).map_err(|e| {
        let _ = fs::remove_file(&temporary);
        Error::io("write", path, &e)
    })?;
    sync_directory(parent(path))
}

/// Writes a new file whole. Returns false, and changes nothing, when something is there already.
///
/// # Errors
/// When it could not be written.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<bool> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(false);
    }
    let temporary = temporary_file(path, bytes, mode)?;
    let linked = fs::hard_link(&temporary, path);
    let _ = fs::remove_file(&temporary);
    match linked {
        Ok(()) => sync_directory(parent(path)).map(|()| true),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(Error::io("write", path, &e)),
    }
}

/// Continues a file after its first `keep` bytes, and waits until it is on the disk. What followed them goes. A new file
/// gets `mode`.
///
/// # Errors
/// When it could not be written; then the file ends after `keep` bytes, unless the disk fails altogether.
pub fn append(path: &Path, keep: u64, bytes: &[u8], mode: u32) -> Result<()> {
    let failed = |e| Error::io("write", path, &e);
    let new = fs::symlink_metadata(path).is_err();
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(mode).open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > keep {
        file.set_len(keep).map_err(failed)?;
    }
    file.seek(SeekFrom::Start(keep)).map_err(failed)?;
    if let Err(e) = file.write_all(bytes).and_then(|()| file.sync_all()) {
        let _ = file.set_len(keep);
        return Err(failed(e));
    }
    if new { sync_directory(parent(path)) } else { Ok(()) }
}

/// Lets two files change places, in one step.
///
/// # Errors
/// When one is not there, or the file system cannot do it; then both are where they were.
pub fn exchange_files(one: &Path, other: &Path) -> Result<()> {
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).map_err(|e| Error::io("exchange", one, &e.into()))?;
    sync_directory(parent(one))
}

/// Makes a directory and those above it; new ones get mode 0755.
///
/// # Errors
/// When one could not be made.
pub fn make_directories(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| Error::io("make", path, &e))
}

/// Makes a directory and those above it, for its owner only (0700). One that exists keeps its mode.
///
/// # Errors
/// When one could not be made.
pub fn make_private_directories(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| Error::io("make", path, &e))
}

/// Removes a file or a whole directory, in one step. Returns false when nothing was there.
///
/// # Errors
/// When it could not be removed; what is left of a directory then has a temporary name.
pub fn remove(path: &Path) -> Result<bool> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => {
            let aside = temporary_name(path);
            fs::rename(path, &aside).and_then(|()| fs::remove_dir_all(&aside))
        }
        Ok(_) => fs::remove_file(path),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(e) => Err(e),
    };
    removed.map_err(|e| Error::io("remove", path, &e))?;
    sync_directory(parent(path)).map(|()| true)
}

/// Whether something is at a path. What cannot be looked at is not taken for nothing.
///
/// # Errors
/// When it cannot be said.
pub fn exists(path: &Path) -> Result<bool> {
    path.try_exists().map_err(|e| Error::io("read", path, &e))
}

/// Reads a public file of at most `limit` bytes; `None` when there is none.
///
/// # Errors
/// When it is larger, no regular file, or could not be read.
pub fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>> {
    let Some((mut file, size)) = open(path, limit)? else { return Ok(None) };
    let mut bytes = Vec::with_capacity(size);
    let count = (&mut file).take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|e| Error::io("read", path, &e))?;
    if count > limit { Err(too_large(path, limit)) } else { Ok(Some(bytes)) }
}

/// Reads a secret file of at most `limit` bytes into memory that is wiped; `None` when there is none.
///
/// # Errors
/// When it is larger, no regular file, or could not be read.
pub fn read_secret(path: &Path, limit: usize) -> Result<Option<SecretBytes>> {
    let Some((mut file, size)) = open(path, limit)? else { return Ok(None) };
    SecretBytes::read_from(&mut file, size, limit).map(Some).map_err(|e| Error::io("read", path, &e))
}

/// What was found; `None` where nothing is.
fn found<T>(looked: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match looked {
        Ok(found) => Ok(Some(found)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn open(path: &Path, limit: usize) -> Result<Option<(File, usize)>> {
    // Non-blocking, so that a named pipe is refused instead of waited for.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("read", path, &e)),
    };
    let found = file.metadata().map_err(|e| Error::io("read", path, &e))?;
    if !found.is_file() {
        return Err(Error::new(format!("{} is not a regular file", path.display())));
    }
    let size = usize::try_from(found.size()).unwrap_or(usize::MAX);
    if size > limit { Err(too_large(path, limit)) } else { Ok(Some((file, size))) }
}

fn too_large(path: &Path, limit: usize) -> Error {
    Error::new(format!("{} is larger than {limit} bytes", path.display()))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    }
}

/// `.pkeys-tmp-NAME-RANDOM` beside `path`.
fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().map(|n| n.to_string_lossy()).unwrap_or_default();
    parent(path).join(format!("{TEMPORARY}{name}-{:016x}", OsRng.next_u64()))
}

fn temporary_file(path: &Path, bytes: &[u8], mode: u32) -> Result<PathBuf> {
    let temporary = temporary_name(path);
    let written = write_synced(&temporary, bytes, mode);
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(|e| Error::io("write", path, &e)).map(|()| temporary)
}

fn write_synced(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE & mode).open(path)?;
    file.write_all(bytes)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Makes what was renamed or removed in a directory last.
fn sync_directory(path: &Path) -> Result<()> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(|e| {
        let what = format!("{} was changed, but may not be after a power failure: {}", path.display(), e.kind());
        Error::new(what).hint("look at the disk and at the directory's owner and mode; then run it again")
    })
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
