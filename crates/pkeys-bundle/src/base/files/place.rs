//! Where a file is: a path, or a place beneath a directory that no link leads out of.

use crate::base::{Error, Result};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where a file is. What is done with it is the same for a path and for a place beneath a directory.
pub trait Place {
    /// A place of the same kind.
    type Other: Place;

    /// The path, for messages and other programs.
    fn shown(&self) -> &Path;
    /// The place of a name in this directory.
    fn child(&self, name: &str) -> Self::Other;
    /// The directory that this is in.
    fn above(&self) -> Self::Other;
    /// Opens it for reading, without waiting for a named pipe's other end; `None` when nothing is there.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open(&self) -> Result<Option<File>>;
    /// Opens the directory that it is in; `None` when that does not exist.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn spot(&self, links: Links) -> Result<Option<Spot>>;
    /// Makes it as a directory, and those above it; new ones get mode 0755.
    ///
    /// # Errors
    /// When one cannot be made.
    fn make_directories(&self) -> Result<()>;
}

/// How directories are opened that are only walked through.
#[cfg(target_os = "linux")]
pub(super) const WALK: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
pub(super) const WALK: OFlags = OFlags::RDONLY;

/// Whether a link at the end of a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// The place is where the link points.
    Follow,
    /// The place is the link itself.
    Keep,
}

/// A name in an opened directory. The name is not a link that still has to be followed.
#[derive(Debug)]
pub struct Spot {
    pub(super) directory: OwnedFd,
    pub(super) name: OsString,
}

impl Spot {
    /// What is there, without following a link.
    pub(super) fn stat(&self) -> io::Result<Option<Stat>> {
        found(rustix::fs::statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW).map_err(Into::into))
    }

    /// Opens what is there, without following a link.
    ///
    /// # Errors
    /// As `openat`.
    pub fn open(&self, flags: OFlags, mode: u32) -> io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.directory, &self.name, flags, bits(mode))?.into())
    }

    /// Waits until what was renamed or removed in the directory is on the disk.
    pub(super) fn sync(&self, place: &Path) -> Result<()> {
        sync(&self.directory).map_err(|e| {
            let above = super::parent(place).display().to_string();
            let what = format!("{above} was changed, but may not be after a power failure: {}", e.kind());
            Error::new(what).hint("check the disk, and the directory's owner and mode; then run it again")
        })
    }
}

/// Waits until what was changed in an opened directory is on the disk.
pub(super) fn sync(directory: impl AsFd) -> io::Result<()> {
    // A directory that was opened to be walked cannot be synced.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(directory, ".", flags, Mode::empty())?;
    Ok(rustix::fs::fsync(opened)?)
}

/// A file mode.
#[allow(clippy::cast_possible_truncation, clippy::unnecessary_cast, reason = "the type differs between platforms")]
pub(super) fn bits(mode: u32) -> Mode {
    Mode::from_raw_mode(mode as rustix::fs::RawMode)
}

/// The kind of what was found.
pub(super) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// The permissions of what was found.
#[allow(clippy::unnecessary_cast, reason = "the type differs between platforms")]
pub(super) fn permissions(stat: &Stat) -> u32 {
    stat.st_mode as u32 & 0o777
}

/// What was found; `None` where nothing is.
pub(super) fn found<T>(looked: io::Result<T>) -> io::Result<Option<T>> {
    match looked {
        Ok(found) => Ok(Some(found)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// The names in an opened directory.
pub(super) fn names(directory: impl AsFd) -> io::Result<Vec<OsString>> {
    let name = |entry: rustix::io::Result<rustix::fs::DirEntry>| {
        let name = entry?.file_name().to_bytes().to_vec();
        Ok(OsString::from_vec(name))
    };
    let all = rustix::fs::Dir::read_from(directory)?.map(name).collect::<io::Result<Vec<_>>>()?;
    Ok(all.into_iter().filter(|name| name != "." && name != "..").collect())
}

impl Place for Path {
    type Other = PathBuf;

    fn shown(&self) -> &Path {
        self
    }

    fn child(&self, name: &str) -> PathBuf {
        self.join(name)
    }

    fn above(&self) -> PathBuf {
        super::parent(self).to_owned()
    }

    fn open(&self) -> Result<Option<File>> {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let opened = fs::OpenOptions::new().read(true).custom_flags(flags).open(self);
        found(opened).map_err(|e| Error::io("read", self, &e))
    }

    fn spot(&self, links: Links) -> Result<Option<Spot>> {
        let failed = |e| Error::io("open", self, &e);
        let real = match links {
            Links::Follow => found(fs::canonicalize(self)).map_err(failed)?,
            Links::Keep => None,
        };
        let place = real.as_deref().unwrap_or(self);
        let flags = WALK | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(super::parent(place), flags, Mode::empty()).map_err(Into::into);
        let name = place.file_name().unwrap_or(".".as_ref()).to_owned();
        Ok(found(opened).map_err(failed)?.map(|directory| Spot { directory, name }))
    }

    fn make_directories(&self) -> Result<()> {
        fs::create_dir_all(self).map_err(|e| Error::io("make", self, &e))
    }
}

impl Place for PathBuf {
    type Other = Self;

    fn shown(&self) -> &Path {
        self
    }

    fn child(&self, name: &str) -> Self {
        self.join(name)
    }

    fn above(&self) -> Self {
        self.as_path().above()
    }

    fn open(&self) -> Result<Option<File>> {
        self.as_path().open()
    }

    fn spot(&self, links: Links) -> Result<Option<Spot>> {
        self.as_path().spot(links)
    }

    fn make_directories(&self) -> Result<()> {
        self.as_path().make_directories()
    }
}
