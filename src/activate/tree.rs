//! The one place that changes the host's files: every path is walked through opened directories.
//!
//! A link in a directory that somebody else can write is never followed; so no user can aim a path at a place of ours.

use crate::base::{Error, Result};
use rand_core::{OsRng, RngCore};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

const MAX_LINKS: usize = 40;
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The directory that all paths are under: `/`, or that of `--root`.
pub struct Root {
    fd: OwnedFd,
    place: PathBuf,
}

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

impl Root {
    /// Opens it.
    ///
    /// # Errors
    /// When it is not a directory.
    pub fn open(place: Option<&Path>) -> Result<Self> {
        let place = place.unwrap_or(Path::new("/"));
        let fd = rustix::fs::openat(CWD, place, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        Ok(Self { fd: fd.map_err(|e| failed("open", place, e))?, place: place.into() })
    }

    /// A path under it, to read from.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.place.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Opens the directory at an absolute path; with `make`, those that are missing are made, root's and 0755.
    /// `None` when it is not there.
    ///
    /// # Errors
    /// When something on the way is no directory, or a link that is not to be trusted.
    pub(super) fn directory(&self, path: &Path, make: bool) -> Result<Option<OwnedFd>> {
        let failed = |e| failed("open", path, e);
        let mut stack = vec![self.fd.try_clone().map_err(|e| Error::io("open", path, &e))?];
        let mut parts: VecDeque<OsString> = names(path);
        let mut links = 0;
        while let Some(part) = parts.pop_front() {
            let here = stack.last().expect("the root stays").as_fd();
            if part == ".." {
                if stack.len() > 1 {
                    stack.pop();
                }
                continue;
            }
            let next = match rustix::fs::openat(here, &part, DIRECTORY, Mode::empty()) {
                Err(Errno::NOENT) if !make => return Ok(None),
                Err(Errno::NOENT) => {
                    match rustix::fs::mkdirat(here, &part, Mode::from_raw_mode(0o755)) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(e) => return Err(failed(e)),
                    }
                    rustix::fs::openat(here, &part, DIRECTORY, Mode::empty()).map_err(failed)?
                }
                other => other.map_err(failed)?,
            };
            match FileType::from_raw_mode(rustix::fs::fstat(&next).map_err(failed)?.st_mode) {
                FileType::Directory => stack.push(next),
                FileType::Symlink => {
                    links += 1;
                    if links > MAX_LINKS || !ours_alone(&rustix::fs::fstat(here).map_err(failed)?) {
                        return Err(Error::new(format!(
                            "{} goes through a link that others could change",
                            path.display()
                        ))
                        .hint("use the real path of the directory"));
                    }
                    let target = rustix::fs::readlinkat(&next, "", Vec::new()).map_err(failed)?;
                    let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                    if target.is_absolute() {
                        stack.truncate(1);
                    }
                    for part in names(&target).into_iter().rev() {
                        parts.push_front(part);
                    }
                }
                _ => return Err(Error::new(format!("{} goes through something that is no directory", path.display()))),
            }
        }
        Ok(stack.pop())
    }

    /// The directory that holds `path`, and its name there.
    pub(super) fn parent<'a>(&self, path: &'a Path, make: bool) -> Result<Option<(OwnedFd, &'a OsStr)>> {
        let broken = || Error::new(format!("{} has no name", path.display()));
        let (above, name) = (path.parent().ok_or_else(broken)?, path.file_name().ok_or_else(broken)?);
        Ok(self.directory(above, make)?.map(|fd| (fd, name)))
    }
}

fn names(path: &Path) -> VecDeque<OsString> {
    let part = |part: Component| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().filter_map(part).collect()
}

/// Whether only we can change what is in a directory.
fn ours_alone(directory: &Stat) -> bool {
    let we = rustix::process::geteuid().as_raw();
    (directory.st_uid == 0 || directory.st_uid == we) && directory.st_mode & 0o022 == 0
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

/// Reads a small public regular file; `None` when there is none.
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

/// Replaces a small public file whole, and syncs it.
pub(super) fn replace(at: BorrowedFd, name: &str, bytes: &[u8]) -> rustix::io::Result<()> {
    let temporary = temporary();
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let done = create(at, &temporary, bytes, None, 0o600)
        .and_then(|()| rustix::fs::fsync(rustix::fs::openat(at, &temporary, flags, Mode::empty())?))
        .and_then(|()| rustix::fs::renameat(at, &temporary, at, name));
    if done.is_err() {
        let _ = rustix::fs::unlinkat(at, &temporary, AtFlags::empty());
    }
    done
}

/// Puts a link at a name, in one step, over whatever link or file is there.
pub(super) fn link(at: BorrowedFd, name: &OsStr, target: &OsStr) -> rustix::io::Result<()> {
    let temporary = temporary();
    rustix::fs::symlinkat(target, at, &temporary)?;
    let done = rustix::fs::renameat(at, &temporary, at, name);
    if done.is_err() {
        let _ = rustix::fs::unlinkat(at, &temporary, AtFlags::empty());
    }
    done
}

/// A name that nothing else has.
pub(super) fn temporary() -> String {
    format!("{}{:016x}", crate::base::files::TEMPORARY, OsRng.next_u64())
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

/// Takes away what killed runs left of [`temporary`] names.
pub(super) fn sweep(at: BorrowedFd) {
    for name in entries(at).unwrap_or_default() {
        if name.as_bytes().starts_with(crate::base::files::TEMPORARY.as_bytes()) {
            let _ = remove(at, &name);
        }
    }
}
