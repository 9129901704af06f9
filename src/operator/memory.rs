//! Places for plaintext files that a program of others must see: in memory, never on a disk.

use crate::base::{Error, Result, files};
use rustix::fs::statfs;
use std::path::{Path, PathBuf};

/// The file systems that live in memory (`linux/magic.h`).
const TMPFS: u64 = 0x0102_1994;
const RAMFS: u64 = 0x8584_58f6;

/// A private directory in memory, gone with all in it when dropped.
pub struct MemoryDirectory(PathBuf);

impl MemoryDirectory {
    /// Makes one, for this user only; its name says what for.
    ///
    /// # Errors
    /// When this machine has no place in memory for files.
    pub fn new(what: &str) -> Result<Self> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let places = runtime.into_iter().chain([PathBuf::from("/dev/shm")]);
        let above = places.into_iter().find(|place| in_memory(place)).ok_or_else(|| {
            Error::new("there is no place in memory for files: XDG_RUNTIME_DIR and /dev/shm are no tmpfs")
                .hint("pipe the value in instead: `pkeys secret set NAME < /dev/stdin`")
        })?;
        let new = above.join(format!("pkeys-{what}-{:016x}", rand::RngCore::next_u64(&mut rand::rngs::OsRng)));
        files::make_private_directories(&new)?;
        Ok(Self(new))
    }

    /// Where it is, and stays.
    pub fn keep(self) -> PathBuf {
        let path = self.0.clone();
        std::mem::forget(self);
        path
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for MemoryDirectory {
    fn drop(&mut self) {
        // Whatever of it can be removed, however far that goes.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether files at a place that exists live in memory only.
pub fn in_memory(place: &Path) -> bool {
    // The type differs between platforms.
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast)]
    statfs(place).is_ok_and(|found| [TMPFS, RAMFS].contains(&(found.f_type as u64 & 0xffff_ffff)))
}
