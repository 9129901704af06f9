//! Places beneath a directory: no link and no `..` leads out of it.
//!
//! The kernel's `openat2` could do it too, but not on every system, and it does not say which link it refused. Here each
//! directory is opened by its name in the one before, and links are read and followed by this code, never by the
//! kernel. What is opened at the end is what was looked at, so nothing can be exchanged in between.

use super::place::{Links, Place, Spot, WALK, bits, found, names};
use crate::base::{Error, Result};
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// As many as the kernel follows.
const MAX_LINKS: usize = 40;

/// A place beneath an opened directory. Links inside of the directory are followed; one that leads out is an error.
#[derive(Clone, Debug)]
pub struct Beneath {
    root: Arc<Root>,
    below: PathBuf,
    shown: PathBuf,
}

#[derive(Debug)]
struct Root {
    directory: OwnedFd,
    path: PathBuf,
}

impl Beneath {
    /// Opens a directory. A link to it is followed: it is the operator who names it.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn root(path: &Path) -> Result<Self> {
        let flags = WALK | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| Error::io("open", path, &e.into()))?;
        Ok(Self::of(directory, path))
    }

    /// An opened directory.
    pub(super) fn of(directory: OwnedFd, path: &Path) -> Self {
        let root = Arc::new(Root { directory, path: path.into() });
        Self { root, below: PathBuf::new(), shown: path.into() }
    }

    /// A place below this one. A path that leads out of the root is refused when it is used.
    #[must_use]
    pub fn join(&self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        Self { root: Arc::clone(&self.root), below: self.below.join(path), shown: self.shown.join(path) }
    }

    /// The path, to be shown.
    pub fn display(&self) -> std::path::Display<'_> {
        self.shown.display()
    }

    /// The path, for messages and other programs. Opening it would follow links.
    pub fn path(&self) -> &Path {
        &self.shown
    }

    /// The path from the root.
    pub fn relative(&self) -> &Path {
        &self.below
    }

    /// The names in this directory; `None` when it does not exist.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn names(&self) -> Result<Option<Vec<OsString>>> {
        let Some(spot) = self.spot(Links::Follow)? else { return Ok(None) };
        let opened = found(spot.open(OFlags::RDONLY | OFlags::DIRECTORY, 0));
        opened.and_then(|opened| opened.map(names).transpose()).map_err(|e| Error::io("read", &self.shown, &e))
    }

    /// Acquires the exclusive lock of the root itself, for as long as this or a place made from it exists. Returns false when
    /// another process holds it. Whoever can open the directory can hold its lock: for private ones only.
    ///
    /// # Errors
    /// When the file system has no locks.
    pub fn try_lock_root(&self) -> Result<bool> {
        match rustix::fs::flock(&self.root.directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(e) => Err(Error::io("lock", &self.root.path, &e.into())),
        }
    }

    fn out(&self, link: Option<&Path>) -> Error {
        let why = match link {
            Some(link) => format!("the link {} leads out of the repository", link.display()),
            None => "it is not in the repository".into(),
        };
        let hint = "copy the file or directory into the repository: pkeys follows no path or link out of it";
        Error::io("open", &self.shown, &io::Error::other(why)).hint(hint)
    }

    /// Walks to the directory that the place is in. `None` when a directory on the way does not exist.
    fn walk(&self, links: Links) -> Result<Option<Spot>> {
        let failed = |e: Errno| Error::io("open", &self.shown, &e.into());
        let mut way = Way { root: &self.root, opened: Vec::new() };
        let mut todo = parts(&self.below).ok_or_else(|| self.out(None))?;
        // The last link that was followed is to blame for what comes after it.
        let mut link: Option<PathBuf> = None;
        let mut followed = 0;
        while let Some(name) = todo.pop() {
            if name == ".." {
                way.opened.pop().ok_or_else(|| self.out(link.as_deref()))?;
                continue;
            }
            let last = todo.is_empty();
            let target = match rustix::fs::readlinkat(way.here(), &name, Vec::new()) {
                Ok(_) if last && links == Links::Keep => None,
                Ok(target) => Some(PathBuf::from(OsString::from_vec(target.into_bytes()))),
                Err(Errno::INVAL) => None,
                Err(Errno::NOENT) if last => None,
                Err(Errno::NOENT) => return Ok(None),
                Err(e) => return Err(failed(e)),
            };
            if let Some(target) = target {
                link = Some(way.path(&name));
                followed += 1;
                if followed > MAX_LINKS {
                    return Err(failed(Errno::LOOP));
                }
                todo.extend(parts(&target).ok_or_else(|| self.out(link.as_deref()))?);
            } else if last {
                return way.spot(name).map(Some).map_err(failed);
            } else {
                way.enter(name).map_err(failed)?;
            }
        }
        way.spot(".".into()).map(Some).map_err(failed)
    }
}

/// The directories that were entered, from the root.
struct Way<'a> {
    root: &'a Root,
    opened: Vec<(OwnedFd, OsString)>,
}

impl Way<'_> {
    fn here(&self) -> &OwnedFd {
        self.opened.last().map_or(&self.root.directory, |(directory, _)| directory)
    }

    fn path(&self, name: &OsStr) -> PathBuf {
        let names = self.opened.iter().map(|(_, name)| name.as_os_str()).chain([name]);
        self.root.path.join(names.collect::<PathBuf>())
    }

    fn enter(&mut self, name: OsString) -> std::result::Result<(), Errno> {
        let flags = WALK | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(self.here(), &name, flags, Mode::empty())?;
        self.opened.push((opened, name));
        Ok(())
    }

    fn spot(&mut self, name: OsString) -> std::result::Result<Spot, Errno> {
        let directory = match self.opened.pop() {
            Some((directory, _)) => directory,
            None => rustix::io::fcntl_dupfd_cloexec(&self.root.directory, 0)?,
        };
        Ok(Spot { directory, name })
    }
}

/// The parts of a path, the last one first; `None` when it is absolute.
fn parts(path: &Path) -> Option<Vec<OsString>> {
    let parts = path.components().rev().filter(|part| *part != Component::CurDir);
    parts
        .map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

impl Place for Beneath {
    type Other = Self;

    fn shown(&self) -> &Path {
        &self.shown
    }

    fn child(&self, name: &str) -> Self {
        self.join(name)
    }

    fn above(&self) -> Self {
        let above = |path: &Path| path.parent().unwrap_or(Path::new("")).to_owned();
        Self { root: Arc::clone(&self.root), below: above(&self.below), shown: above(&self.shown) }
    }

    fn open(&self) -> Result<Option<File>> {
        let Some(spot) = self.spot(Links::Follow)? else { return Ok(None) };
        found(spot.open(OFlags::RDONLY, 0)).map_err(|e| Error::io("read", &self.shown, &e))
    }

    fn spot(&self, links: Links) -> Result<Option<Spot>> {
        self.walk(links)
    }

    fn make_directories(&self) -> Result<()> {
        let failed = |e| Error::io("make", &self.shown, &e);
        let mut at = Self { below: PathBuf::new(), shown: self.root.path.clone(), ..self.clone() };
        for part in self.below.components() {
            at = at.join(part);
            let spot = at.spot(Links::Follow)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
            if spot.stat().map_err(failed)?.is_none() {
                match rustix::fs::mkdirat(&spot.directory, &spot.name, bits(0o755)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(e) => return Err(failed(e.into())),
                }
            }
        }
        Ok(())
    }
}
