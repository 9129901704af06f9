//! Places for plaintext files that another program must see: in memory, never on a disk.

use super::signals;
use crate::base::files::{self, Beneath};
use crate::base::{Error, Result};
use rustix::fs::statfs;
use std::path::{Path, PathBuf};

/// The file systems that live in memory (`linux/magic.h`).
const TMPFS: u64 = 0x0102_1994;
const RAMFS: u64 = 0x8584_58f6;

const START: &str = "pkeys-";
/// Directories that outlive the program; `break-glass` is what earlier versions called theirs.
const KEPT: [&str; 2] = ["kept-", "break-glass"];
/// A sweep of another pkeys can come before the lock.
const ATTEMPTS: usize = 8;

/// A private directory in memory. It is removed with all in it when dropped, when a signal ends the program, and after a
/// `kill -9` by the next run that makes one.
///
/// Its lock says that a living process uses it. Nobody else can hold that lock: the directory is this user's alone.
pub struct MemoryDirectory {
    path: PathBuf,
    _locked: Beneath,
}

impl MemoryDirectory {
    /// Makes one, for this user only; its name says what for.
    ///
    /// # Errors
    /// When this machine has no place in memory for files.
    pub fn new(what: &str) -> Result<Self> {
        let above = above()?;
        places().filter(|place| in_memory(place)).for_each(|place| sweep(&place));
        for _ in 0..ATTEMPTS {
            let made = files::new_directory(&above.join(name(what)))?;
            let locked = made.try_lock_root();
            if locked.is_err() {
                let _ = std::fs::remove_dir(made.path());
            }
            if locked? && made.path().symlink_metadata().is_ok() {
                let path = made.path().to_owned();
                signals::remove_at_the_end(&path);
                return Ok(Self { path, _locked: made });
            }
        }
        Err(Error::new(format!("cannot make a directory in {}", above.display())).hint("run it again"))
    }

    /// Makes one that stays until it is removed by hand.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn kept(what: &str) -> Result<Beneath> {
        files::new_directory(&above()?.join(name(&format!("{}{what}", KEPT[0]))))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for MemoryDirectory {
    fn drop(&mut self) {
        // Whatever of it can be removed, however far that goes.
        let _ = std::fs::remove_dir_all(&self.path);
        signals::forget(&self.path);
    }
}

fn places() -> impl Iterator<Item = PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    runtime.into_iter().chain([PathBuf::from("/dev/shm")])
}

fn above() -> Result<PathBuf> {
    places().find(|place| in_memory(place)).ok_or_else(|| {
        Error::new("there is no place in memory for files: XDG_RUNTIME_DIR and /dev/shm are no tmpfs")
            .hint("pipe the value in instead: `pkeys secret set NAME < /dev/stdin`")
    })
}

fn name(what: &str) -> String {
    format!("{START}{what}-{:016x}", rand::RngCore::next_u64(&mut rand::rngs::OsRng))
}

/// Whether a name is one of [`MemoryDirectory::new`].
fn is_temporary(name: &str) -> bool {
    let parts = name.strip_prefix(START).and_then(|rest| rest.rsplit_once('-'));
    parts.is_some_and(|(what, random)| {
        let is_random = random.len() == 16 && random.bytes().all(|b| b.is_ascii_hexdigit());
        is_random && !KEPT.iter().any(|kept| what.starts_with(kept))
    })
}

/// Removes directories that killed runs of this user left.
fn sweep(above: &Path) {
    for entry in std::fs::read_dir(above).into_iter().flatten().flatten() {
        let path = entry.path();
        if !entry.file_name().to_str().is_some_and(is_temporary) || path.is_symlink() || !path.is_dir() {
            continue;
        }
        // Only one that is this user's alone, and whose lock is free.
        if let Ok(place) = files::private_directory(&path)
            && place.try_lock_root().unwrap_or(false)
        {
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}

/// Whether a file that is to be made at `path` would live in memory only.
///
/// # Errors
/// When the directory above does not exist, or other users could exchange what is made there.
pub fn would_be_in_memory(path: &Path) -> Result<bool> {
    files::check_parent(path)?;
    let absolute = std::path::absolute(path).map_err(|e| Error::io("open", path, &e))?;
    Ok(absolute.parent().is_some_and(in_memory))
}

fn in_memory(place: &Path) -> bool {
    // The type differs between platforms.
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast)]
    statfs(place).is_ok_and(|found| [TMPFS, RAMFS].contains(&(found.f_type as u64 & 0xffff_ffff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_temporary_directories_are_swept() {
        for name in ["pkeys-edit-0123456789abcdef", "pkeys-known-hosts-0123456789abcdef"] {
            assert!(is_temporary(name), "{name}");
        }
        for name in [
            "pkeys-break-glass-0123456789abcdef",
            "pkeys-kept-break-glass-0123456789abcdef",
            "pkeys-edit",
            "pkeys-edit-0123",
            "pkeys-edit-0123456789abcdeg",
            "other-edit-0123456789abcdef",
        ] {
            assert!(!is_temporary(name), "{name}");
        }
    }
}
