//! The one place that changes the host's files: always a name in an opened directory, never through a link.

use pkeys_bundle::base::Error;
use pkeys_bundle::sha256_hex;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// What is at a name.
pub(super) enum Found {
    Nothing,
    Link(OsString),
    File,
    Directory,
    Other,
}

pub(super) fn failed(doing: &str, path: &Path, error: Errno) -> Error {
    Error::io(doing, path, &error.into())
}

/// What is at a name in a directory; never follows a link.
pub(super) fn look(at: BorrowedFd, name: &OsStr) -> rustix::io::Result<Found> {
    let stat = match rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(Found::Nothing),
        other => other?,
    };
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::Symlink => {
            Found::Link(OsString::from_vec(rustix::fs::readlinkat(at, name, Vec::new())?.into_bytes()))
        }
        FileType::RegularFile => Found::File,
        FileType::Directory => Found::Directory,
        _ => Found::Other,
    })
}

/// Reads a small public regular file; `None` if it does not exist.
pub(super) fn read(at: BorrowedFd, name: &OsStr, limit: u64) -> rustix::io::Result<Option<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = match rustix::fs::openat(at, name, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        other => other?,
    };
    if !FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode).is_file() {
        return Err(Errno::INVAL);
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::from(fd).take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
    if bytes.len() as u64 > limit { Err(Errno::FBIG) } else { Ok(Some(bytes)) }
}

/// Makes a new file, seen by nobody else until it has its owner and mode.
pub(super) fn create(
    at: BorrowedFd,
    name: &str,
    bytes: &[u8],
    owner: Option<(u32, u32)>,
    mode: u32,
) -> rustix::io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = std::fs::File::from(rustix::fs::openat(at, name, flags, Mode::from_raw_mode(0o600))?);
    file.write_all(bytes).map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
    if let Some((uid, gid)) = owner {
        let (uid, gid) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
        rustix::fs::fchown(&file, Some(uid), Some(gid))?;
    }
    rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))
}

/// Replaces a small file whole, and syncs it.
pub(super) fn replace(at: BorrowedFd, name: &OsStr, bytes: &[u8], mode: Mode) -> rustix::io::Result<()> {
    let temporary = temporary(at, name)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let done = create(at, &temporary, bytes, None, mode.as_raw_mode())
        .and_then(|()| rustix::fs::fsync(rustix::fs::openat(at, &temporary, flags, Mode::empty())?))
        .and_then(|()| rustix::fs::renameat(at, &temporary, at, name));
    if done.is_err() {
        let _ = rustix::fs::unlinkat(at, &temporary, AtFlags::empty());
    }
    done
}

/// Puts a new directory with these public files at a name, whole and synced, in place of the one that is there.
pub(super) fn replace_directory(at: BorrowedFd, name: &str, files: &[(&str, &[u8])]) -> rustix::io::Result<()> {
    let new = temporary_name(name.as_ref());
    remove_unfinished(at, name)?;
    rustix::fs::mkdirat(at, &new, Mode::from_raw_mode(0o755))?;
    let filled = fill(at, &new, files).and_then(|()| {
        match rustix::fs::renameat_with(at, &new, at, name, RenameFlags::EXCHANGE) {
            Err(Errno::NOENT) => rustix::fs::renameat(at, &new, at, name),
            other => other,
        }
    });
    let removed = remove_unfinished(at, name);
    filled.and(removed).and(sync(at))
}

/// Makes what was renamed in a directory last.
pub(super) fn sync(directory: BorrowedFd) -> rustix::io::Result<()> {
    rustix::fs::openat(directory, ".", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).and_then(rustix::fs::fsync)
}

/// Removes what a killed run of [`replace_directory`] left.
pub(super) fn remove_unfinished(at: BorrowedFd, name: &str) -> rustix::io::Result<()> {
    match remove(at, temporary_name(name.as_ref()).as_ref()) {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

fn fill(at: BorrowedFd, name: &str, files: &[(&str, &[u8])]) -> rustix::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(at, name, flags | OFlags::DIRECTORY, Mode::empty())?;
    for (name, bytes) in files {
        create(directory.as_fd(), name, bytes, None, 0o644)?;
        rustix::fs::fsync(rustix::fs::openat(&directory, *name, flags, Mode::empty())?)?;
    }
    rustix::fs::fsync(&directory)
}

/// Puts a link at a name, in one step, over whatever link or file is there.
pub(super) fn link(at: BorrowedFd, name: &OsStr, target: &OsStr) -> rustix::io::Result<()> {
    let temporary = temporary(at, name)?;
    rustix::fs::symlinkat(target, at, &temporary)?;
    let done = rustix::fs::renameat(at, &temporary, at, name);
    if done.is_err() {
        let _ = rustix::fs::unlinkat(at, &temporary, AtFlags::empty());
    }
    done
}

/// What is unfinished at a name; always the same for a name, so that the next run takes away what a killed one left.
fn temporary(at: BorrowedFd, name: &OsStr) -> rustix::io::Result<String> {
    let temporary = temporary_name(name);
    match rustix::fs::unlinkat(at, &temporary, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(temporary),
        Err(e) => Err(e),
    }
}

fn temporary_name(name: &OsStr) -> String {
    format!("{}{:.16}", pkeys_bundle::base::files::TEMPORARY, sha256_hex(name.as_bytes()))
}

/// Removes a link, and what a killed run left of one. Nothing there is fine; a directory is an error.
pub(super) fn unlink(at: BorrowedFd, name: &OsStr) -> rustix::io::Result<()> {
    temporary(at, name)?;
    match rustix::fs::unlinkat(at, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

/// The names in a directory.
pub(super) fn entries(directory: BorrowedFd) -> rustix::io::Result<Vec<OsString>> {
    let open = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::new(rustix::fs::openat(directory, ".", open, Mode::empty())?)? {
        let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Removes a file, a link, or a directory with all in it.
pub(super) fn remove(at: BorrowedFd, name: &OsStr) -> rustix::io::Result<()> {
    match rustix::fs::unlinkat(at, name, AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) => {}
        other => return other,
    }
    let inside = rustix::fs::openat(
        at,
        name,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    for entry in entries(inside.as_fd())? {
        remove(inside.as_fd(), &entry)?;
    }
    rustix::fs::unlinkat(at, name, AtFlags::REMOVEDIR)
}
