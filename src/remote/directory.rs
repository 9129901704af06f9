//! A private directory for one connection: what `ssh` is told to trust, its log, and the socket of its agent.

use crate::base::{Result, files};
use crate::operator::MemoryDirectory;
use std::path::{Path, PathBuf};

/// Gone with all in it when dropped. No private key is ever in it, so that it may be on a disk where this machine has no
/// file system in memory.
pub(super) enum Directory {
    Memory(MemoryDirectory),
    Disk(PathBuf),
}

impl Directory {
    pub(super) fn new() -> Result<Self> {
        if let Ok(memory) = MemoryDirectory::new("ssh") {
            return Ok(Self::Memory(memory));
        }
        let name = format!("pkeys-ssh-{:016x}", rand::RngCore::next_u64(&mut rand::rngs::OsRng));
        let path = std::env::temp_dir().join(name);
        files::make_private_directories(&path)?;
        Ok(Self::Disk(path))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Memory(memory) => memory.path(),
            Self::Disk(path) => path,
        }
    }

    /// Writes a file for this user only; returns its path.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        files::write(&path, text.as_bytes(), files::PRIVATE)?;
        Ok(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Self::Disk(path) = self {
            let _ = std::fs::remove_dir_all(path);
        }
    }
}
