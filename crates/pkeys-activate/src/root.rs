//! Where a path leads: walked through opened directories, and never through a link that others could change.

use crate::tree::failed;
use pkeys_bundle::base::{Error, Result};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

const MAX_LINKS: usize = 40;
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The directory that all paths are under: `/`, or that of `--root`.
pub(super) struct Root {
    fd: OwnedFd,
    place: PathBuf,
}

impl Root {
    /// Opens it.
    ///
    /// # Errors
    /// When it is not a directory.
    pub(super) fn open(place: Option<&Path>) -> Result<Self> {
        let place = place.unwrap_or(Path::new("/"));
        let fd = rustix::fs::openat(CWD, place, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        Ok(Self { fd: fd.map_err(|e| failed("open", place, e))?, place: place.into() })
    }

    /// A path under it, to read from; links lead to where they would if it were `/`.
    pub(super) fn path(&self, path: &Path) -> PathBuf {
        if self.place == Path::new("/") {
            return path.into();
        }
        let opened =
            rustix::fs::openat2(&self.fd, path, DIRECTORY - OFlags::NOFOLLOW, Mode::empty(), ResolveFlags::IN_ROOT);
        let real = opened
            .ok()
            .and_then(|fd| rustix::fs::readlink(format!("/proc/self/fd/{}", fd.as_raw_fd()), Vec::new()).ok());
        match real {
            Some(real) => OsString::from_vec(real.into_bytes()).into(),
            None => self.place.join(path.strip_prefix("/").unwrap_or(path)),
        }
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
                    if links > MAX_LINKS || !stack.iter().all(ours_alone) {
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
                _ if !make => return Ok(None),
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
fn ours_alone(directory: &OwnedFd) -> bool {
    let we = rustix::process::geteuid().as_raw();
    rustix::fs::fstat(directory).is_ok_and(|stat| [0, we].contains(&stat.st_uid) && stat.st_mode & 0o022 == 0)
}
