//! Keeps one user's programs apart while they change the same directory.
//!
//! The locks are files in the user's own state directory: whoever can open a file can hold its lock, and a repository may
//! be readable by others. So two users who share one clone do not exclude each other.

use crate::base::files::{self, Links, Place};
use crate::base::places::state_directory;
use crate::base::{Error, Result};
use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long to wait before it is said that something is waited for.
const SILENT: Duration = Duration::from_secs(1);
/// How long to wait at all.
const LONGEST: Duration = Duration::from_secs(10 * 60);
const STEP: Duration = Duration::from_millis(50);

/// Called once, when a lock is held by another process for more than a second, with that process's id if it is known.
pub type Waiting<'a> = dyn Fn(Option<u32>) + 'a;

/// An exclusive lock; released when dropped, and by the kernel when the process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held")] Option<File>);

impl Lock {
    /// Waits until no other process of this user holds the lock of a directory, at most ten minutes, and acquires it.
    ///
    /// # Errors
    /// When the lock is held for too long, or the state directory cannot be written.
    pub fn acquire(directory: &Path, waiting: &Waiting) -> Result<Self> {
        let path = path_of(directory)?;
        let mut file = open(&path)?;
        let (start, mut told) = (Instant::now(), false);
        while !try_lock(&file, &path)? {
            let waited = start.elapsed();
            if waited > LONGEST {
                let other =
                    holder(&mut file).map_or("another pkeys".into(), |pid| format!("another pkeys (pid {pid})"));
                return Err(Error::new(format!("{other} is still changing {}", directory.display()))
                    .hint("end it, or let it finish; then run this again: nothing was changed"));
            }
            if waited > SILENT && !told {
                waiting(holder(&mut file));
                told = true;
            }
            std::thread::sleep(STEP);
        }
        Ok(Self::held(file))
    }

    /// Acquires the lock if no other process holds it.
    ///
    /// # Errors
    /// When the state directory cannot be written.
    pub fn try_acquire(directory: &Path) -> Result<Option<Self>> {
        let path = path_of(directory)?;
        let file = open(&path)?;
        Ok(try_lock(&file, &path)?.then(|| Self::held(file)))
    }

    /// For a directory that this process has made and no other knows: nothing is locked.
    pub fn unshared() -> Self {
        Self(None)
    }

    fn held(mut file: File) -> Self {
        // For messages alone: a lock without a number holds as well.
        let _ = file.rewind().and_then(|()| writeln!(file, "{:<10}", std::process::id()));
        Self(Some(file))
    }
}

fn path_of(directory: &Path) -> Result<PathBuf> {
    let real = directory.canonicalize().map_err(|e| Error::io("open", directory, &e))?;
    let locks = state_directory()?.join("locks");
    files::make_private_directories(&locks)?;
    let name = Sha256::digest(real.as_os_str().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Ok(locks.join(name))
}

fn open(path: &Path) -> Result<File> {
    let failed = |e| Error::io("open", path, &e);
    let spot = path.spot(Links::Keep)?.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
    spot.open(OFlags::RDWR | OFlags::CREATE, files::PRIVATE).map_err(failed)
}

fn try_lock(file: &File, path: &Path) -> Result<bool> {
    match rustix::io::retry_on_intr(|| rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(e) => Err(Error::io("lock", path, &e.into())),
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.take(16).read_to_string(&mut text)).ok()?;
    text.trim().parse().ok()
}
