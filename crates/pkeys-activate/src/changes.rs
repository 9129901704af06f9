//! What differs between the current generation and the new one, and which units that concerns.

use crate::contents::File;
use crate::generation::FOLDERS;
use crate::tree;
use pkeys_bundle::base::{Result, SecretBytes};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};
use subtle::ConstantTimeEq;

/// Names of files, as `secrets/NAME`.
#[derive(Default)]
pub(super) struct Changes {
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
}

/// Compares the files of a new generation with the old one. Folders that are carried over are left out.
pub(super) fn compare(old: Option<&OwnedFd>, files: &[File], carried: bool, privileged: bool) -> Changes {
    let mut changes = Changes::default();
    let wanted: BTreeSet<String> = files.iter().map(File::place).collect();
    for file in files {
        match old.and_then(|old| same(old, file, privileged)) {
            None => changes.added.push(file.place()),
            Some(false) => changes.changed.push(file.place()),
            Some(true) => {}
        }
    }
    let folders = FOLDERS.iter().filter(|(folder, _)| !carried || *folder == "authorized_keys");
    for (folder, _) in folders {
        let open = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = old.and_then(|old| rustix::fs::openat(old, *folder, open, Mode::empty()).ok());
        let names = directory.and_then(|fd| tree::entries(fd.as_fd()).ok()).unwrap_or_default();
        let places = names.iter().filter_map(|name| Some(format!("{folder}/{}", name.to_str()?)));
        changes.removed.extend(places.filter(|place| !wanted.contains(place)));
    }
    changes
}

/// Whether the old generation has this file with the same bytes, owner and mode; `None` when it has none.
fn same(old: &OwnedFd, file: &File, privileged: bool) -> Option<bool> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let place = file.place();
    let stat = match rustix::fs::statat(old, &place, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return None,
        // What cannot be looked at counts as changed: its units are restarted once too often, not once too seldom.
        Err(_) => return Some(false),
        Ok(stat) => stat,
    };
    let bytes = file.bytes.expose();
    let owner = !privileged || (stat.st_uid, stat.st_gid) == file.owner;
    if stat.st_mode & 0o7777 != file.mode || !owner || usize::try_from(stat.st_size) != Ok(bytes.len()) {
        return Some(false);
    }
    let read = |fd| SecretBytes::read_from(&mut std::fs::File::from(fd), bytes.len(), bytes.len()).ok();
    let there = rustix::fs::openat(old, &place, flags, Mode::empty()).ok().and_then(read);
    Some(there.is_some_and(|there| there.expose().ct_eq(bytes).into()))
}

/// The units of the files that changed: to restart, to reload. None at boot, when there was no generation before.
pub(super) fn units(files: &[File], changes: &Changes, old: bool) -> (Vec<String>, Vec<String>) {
    let touched: BTreeSet<&String> = changes.added.iter().chain(&changes.changed).collect();
    let (mut restart, mut reload) = (BTreeSet::new(), BTreeSet::new());
    for file in files.iter().filter(|file| old && touched.contains(&file.place())) {
        restart.extend(file.units.0.iter().cloned());
        reload.extend(file.units.1.iter().cloned());
    }
    (restart.into_iter().collect(), reload.into_iter().collect())
}

/// Appends units to NixOS's lists, which `switch-to-configuration` works off.
pub(super) fn queue(directory: &OwnedFd, dry_run: bool, restart: &[String], reload: &[String]) -> Result<()> {
    let start = if dry_run { "dry-activation" } else { "activation" };
    for (kind, units) in [("restart", restart), ("reload", reload)] {
        if units.is_empty() {
            continue;
        }
        let name = format!("{start}-{kind}-list");
        let path = std::path::Path::new(&name);
        let failed = |e| tree::failed("write", path, e);
        let there = tree::read(directory.as_fd(), name.as_ref(), 1024 * 1024).map_err(failed)?.unwrap_or_default();
        let mut text = String::from_utf8_lossy(&there).into_owned();
        for unit in units {
            if !text.lines().any(|line| line == unit) {
                text += &format!("{unit}\n");
            }
        }
        tree::replace(directory.as_fd(), name.as_ref(), text.as_bytes(), Mode::from_raw_mode(0o600)).map_err(failed)?;
    }
    Ok(())
}
