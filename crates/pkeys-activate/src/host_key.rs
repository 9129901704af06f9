//! A new SSH host key that comes with the bundle: the one private key that goes to the host's disk, where sshd reads it.

use crate::root::Root;
use crate::tree::{self, Found, failed};
use pkeys_bundle::base::{Error, Result};
use rustix::fs::Mode;
use ssh_key::{Algorithm, PrivateKey};
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::path::Path;

/// A private key's file is smaller.
const MAX_FILE: u64 = 64 * 1024;

/// Puts the key at the place where the host has its own, with the public half beside it: each file whole, synced, and
/// in place of the one before. Nothing to do when it is there already.
///
/// # Errors
/// When it is no Ed25519 key in OpenSSH's format, or the place is no ordinary file; then the host keeps its key.
pub(super) fn put(root: &Root, path: &Path, private: &[u8], dry_run: bool) -> Result<()> {
    let failed = |e| failed("write", path, e);
    let key = PrivateKey::from_openssh(private).ok();
    let key = key.filter(|key| !key.is_encrypted() && key.algorithm() == Algorithm::Ed25519);
    let public = key.and_then(|key| key.public_key().to_openssh().ok());
    let public = public.ok_or_else(|| Error::new("it is no Ed25519 private key in OpenSSH's format"))?;
    let Some((at, name)) = root.parent(path, !dry_run)? else { return Ok(()) };
    match tree::look(at.as_fd(), name).map_err(failed)? {
        Found::Nothing | Found::File => {}
        _ => {
            return Err(Error::new(format!("{} is no ordinary file", path.display()))
                .hint("set pkeys.hostKeyPath to where the key really is"));
        }
    }
    let mut beside = OsString::from(name);
    beside.push(".pub");
    let files = [(name.to_owned(), private.to_vec(), 0o600), (beside, format!("{public}\n").into_bytes(), 0o644)];
    for (name, bytes, mode) in files {
        let there = tree::read(at.as_fd(), &name, MAX_FILE).unwrap_or_default();
        if there.is_none_or(|there| there != bytes) && !dry_run {
            tree::replace(at.as_fd(), &name, &bytes, Mode::from_raw_mode(mode)).map_err(failed)?;
            tree::sync(at.as_fd()).map_err(failed)?;
        }
    }
    Ok(())
}
