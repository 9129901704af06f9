//! The lock of whatever changes a host: one activation or push at a time.

use crate::root::Root;
use crate::tree::failed;
use pkeys_bundle::base::{Error, Result};
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// In root's `/run`, where nobody else can make it first. Only its owner can open it: whoever could open it, for reading
/// too, could hold the lock for ever.
const PATH: &str = "/run/pkeys.lock";

/// How long to wait for another activation. A run may wait twice, and units give up after 90 seconds: the reason should be
/// said before.
pub(super) const PATIENCE: Duration = Duration::from_secs(40);

const PAUSE: Duration = Duration::from_millis(50);

/// Held until dropped.
pub(super) struct Lock {
    _file: OwnedFd,
}

impl Lock {
    /// Blocks until no other process holds the lock.
    ///
    /// # Errors
    /// If it cannot be opened, or is not free in time.
    pub(super) fn take(root: &Root, patience: Duration) -> Result<Self> {
        let path = Path::new(PATH);
        let (run, name) = root.parent(path, true)?.ok_or_else(|| Error::new("/run vanished"))?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file =
            rustix::fs::openat(run, name, flags, Mode::from_raw_mode(0o600)).map_err(|e| failed("open", path, e))?;
        // Whoever made it with another mode: from now on others cannot open it.
        let private = Mode::from_raw_mode(0o600);
        let mode = rustix::fs::fstat(&file).map_err(|e| failed("look at", path, e))?.st_mode;
        if mode & 0o777 != private.as_raw_mode() {
            rustix::fs::fchmod(&file, private).map_err(|e| failed("open", path, e))?;
        }
        let start = Instant::now();
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) if start.elapsed() < patience => std::thread::sleep(PAUSE),
                Err(Errno::WOULDBLOCK) => {
                    let held = format!("another activation has held {PATH} for {} seconds", patience.as_secs());
                    return Err(
                        Error::new(held).hint("see what it waits for: `fuser -v /run/pkeys.lock`; then run it again")
                    );
                }
                Err(e) => return Err(failed("lock", path, e)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn waiting_ends_with_a_reason_and_the_file_is_private() {
        let place = tempfile::tempdir().unwrap();
        let root = Root::open(Some(place.path())).unwrap();
        let file = place.path().join("run/pkeys.lock");
        std::fs::create_dir(place.path().join("run")).unwrap();
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o666)).unwrap();
        let first = Lock::take(&root, Duration::ZERO).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let error = Lock::take(&root, Duration::from_millis(120)).err().unwrap();
        assert_eq!(error.message(), "another activation has held /run/pkeys.lock for 0 seconds");
        drop(first);
        Lock::take(&root, Duration::ZERO).unwrap();
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(place.path().join("elsewhere"), &file).unwrap();
        assert!(Lock::take(&root, Duration::ZERO).is_err());
        assert!(!place.path().join("elsewhere").exists());
    }
}
