//! The one place that writes files: whole or not at all.
//!
//! Everything is written to a temporary name beside its place, synced, and renamed. A run that is killed leaves what
//! was there, and perhaps a `.pkeys-tmp-…`, which the next run removes with [`sweep`]. Directories are opened first, and
//! files are reached by their names in them: see [`Place`].
#![expect(clippy::disallowed_methods, reason = "this is the place that the lint keeps file writing in")]

use crate::base::{Error, Result, SecretBytes};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

mod above;
mod beneath;
mod directory;
mod lock;
mod new;
mod place;
mod write;

pub use above::check_parent;
pub use beneath::Beneath;
pub use directory::{remove_directory, replace_directory};
pub use lock::{claim, sweep, sweep_beside};
pub use new::{new_directory, private_directory};
pub use place::{Links, Place, Spot};
pub use write::{append, exchange_files, remove, write, write_new, write_output};

/// What the names of unfinished files and directories start with.
pub const TEMPORARY: &str = ".pkeys-tmp-";

/// Mode of files that everybody may read.
pub const PUBLIC: u32 = 0o644;
/// Mode of files that only their owner may read.
pub const PRIVATE: u32 = 0o600;

/// Makes a directory and those above it; new ones get mode 0755.
///
/// # Errors
/// When one could not be made.
pub fn make_directories(place: &(impl Place + ?Sized)) -> Result<()> {
    place.make_directories()
}

/// Makes a directory and those above it, for its owner only (0700). One that exists keeps its mode.
///
/// # Errors
/// When one could not be made.
pub fn make_private_directories(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| Error::io("make", path, &e))
}

/// Removes a file or a directory with all that is in it. Returns false when nothing was there. Only for what pkeys itself
/// has made, outside of every repository.
///
/// # Errors
/// When it could not be removed; what is left of a directory then has a temporary name.
pub fn remove_all(path: &Path) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => {
            fs::remove_dir_all(path).map(|()| true).map_err(|e| Error::io("remove", path, &e))
        }
        _ => remove(path),
    }
}

/// Whether something is at a place. I/O errors are returned, not treated as a missing file.
///
/// # Errors
/// When it cannot be told.
pub fn exists(place: &(impl Place + ?Sized)) -> Result<bool> {
    let Some(spot) = place.spot(Links::Follow)? else { return Ok(false) };
    spot.stat().map(|found| found.is_some()).map_err(|e| Error::io("read", place.shown(), &e))
}

/// Reads a public file of at most `limit` bytes; `None` if it does not exist.
///
/// # Errors
/// When it is larger, no regular file, or could not be read.
pub fn read(place: &(impl Place + ?Sized), limit: usize) -> Result<Option<Vec<u8>>> {
    let Some((mut file, size)) = open(place, limit)? else { return Ok(None) };
    let mut bytes = Vec::with_capacity(size);
    let failed = |e| Error::io("read", place.shown(), &e);
    let count = (&mut file).take(limit as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if count > limit { Err(too_large(place.shown(), limit)) } else { Ok(Some(bytes)) }
}

/// Reads a secret file of at most `limit` bytes into memory that is wiped; `None` if it does not exist.
///
/// # Errors
/// When it is larger, no regular file, or could not be read.
pub fn read_secret(place: &(impl Place + ?Sized), limit: usize) -> Result<Option<SecretBytes>> {
    let Some((mut file, size)) = open(place, limit)? else { return Ok(None) };
    SecretBytes::read_from(&mut file, size, limit).map(Some).map_err(|e| Error::io("read", place.shown(), &e))
}

fn open(place: &(impl Place + ?Sized), limit: usize) -> Result<Option<(File, usize)>> {
    let Some(file) = place.open()? else { return Ok(None) };
    let found = file.metadata().map_err(|e| Error::io("read", place.shown(), &e))?;
    if !found.is_file() {
        return Err(Error::new(format!("{} is not a regular file", place.shown().display())));
    }
    let size = usize::try_from(found.size()).unwrap_or(usize::MAX);
    if size > limit { Err(too_large(place.shown(), limit)) } else { Ok(Some((file, size))) }
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

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
