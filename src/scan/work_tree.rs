//! What is in the work tree: the files that git knows, and those that `git add` would take.

use crate::base::files::{self, Beneath};
use crate::base::{Error, Result, SecretBytes};
use crate::scan::repository::{Opened, shown};
use crate::scan::{MAX_FILE, Skipped};
use gix::bstr::{BStr, BString, ByteSlice};
use gix::dir::entry::Kind as OnDisk;
use gix::index::entry::{Mode, Stage};
use std::collections::BTreeSet;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Something to read: a file, or what git keeps to be committed.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    File(BString),
    /// Staged, and not what the file is now.
    Staged(BString, gix::ObjectId),
}

impl Item {
    pub fn path(&self) -> &BStr {
        match self {
            Self::File(path) | Self::Staged(path, _) => path.as_ref(),
        }
    }
}

/// Lists what there is to read.
///
/// # Errors
/// When the index or the work tree cannot be read.
pub(super) fn list(opened: &Opened, skipped: &mut Vec<Skipped>) -> Result<BTreeSet<Item>> {
    let Some(top) = &opened.top else { return Ok(BTreeSet::new()) };
    let git = opened.git.to_thread_local();
    let failed = |e: gix::Error| {
        Error::new(format!("cannot list the files of {}: {e}", top.display())).hint("`git status` there says more")
    };
    let place = git.index_path();
    let index = match git.try_index().map_err(failed)? {
        Some(index) => index,
        // gix takes an index that it cannot look at for one that is not there.
        None if files::exists(&place)? => {
            return Err(Error::new(format!("{} cannot be read", place.display())).hint("`git status` there says more"));
        }
        None => git.index_or_empty().map_err(failed)?,
    };
    let mut items = BTreeSet::new();
    for entry in index.entries() {
        let path = entry.path(&index);
        if !opened.wants(path) || entry.mode == Mode::SYMLINK && is_link_inside(top, path, skipped) {
            continue;
        }
        if entry.mode == Mode::COMMIT {
            skipped.push(Skipped::note(path, "another repository (a submodule)", "`pkeys scan` it by itself"));
        } else if entry.mode.is_sparse() {
            let why = "a folder that sparse checkout leaves out";
            skipped.push(Skipped::note(path, why, "`pkeys scan --history` looks at it"));
        } else if entry.mode != Mode::SYMLINK {
            let file = match on_disk(top, path) {
                Ok(file) => file,
                Err(reason) => {
                    skipped.push(reason);
                    continue;
                }
            };
            let as_staged = file.as_ref().is_some_and(|file| is_as_staged(file, entry));
            // `git add --intent-to-add` stages nothing, as an empty file that need not be there.
            if !(as_staged && entry.stage() == Stage::Unconflicted || entry.id.is_empty_blob()) {
                items.insert(Item::Staged(path.to_owned(), entry.id));
            }
            if file.is_some_and(|file| file.is_file()) {
                items.insert(Item::File(path.to_owned()));
            }
        }
    }
    let options = git.dirwalk_options().map_err(failed)?;
    let options = options.emit_untracked(gix::dir::walk::EmissionMode::Matching).emit_ignored(None);
    let none: [&str; 0] = [];
    let mut walk = git.dirwalk_iter(index, none, Default::default(), options).map_err(failed)?;
    for item in walk.by_ref() {
        let entry = item.map_err(failed)?.entry;
        let path = entry.rela_path.as_bstr();
        if !opened.wants(path) || entry.property.is_some() {
            continue;
        }
        match entry.disk_kind {
            Some(OnDisk::File) => drop(items.insert(Item::File(path.to_owned()))),
            Some(OnDisk::Symlink) => drop(is_link_inside(top, path, skipped)),
            Some(OnDisk::Repository) => {
                skipped.push(Skipped::note(path, "another repository", "`pkeys scan` it by itself"));
            }
            _ => {}
        }
    }
    // Where the top cannot be looked at, gix walks nowhere and says nothing.
    if walk.into_outcome().is_none_or(|outcome| outcome.dirwalk.read_dir_calls == 0) {
        skipped.push(unreadable(b"".into(), top, &Error::new(format!("{} cannot be looked at", top.display()))));
    }
    Ok(items)
}

/// The file, unless it or a folder above it is a symbolic link: then git does not see it either. What cannot be looked at
/// is not taken for what is not there.
fn on_disk(top: &Path, path: &BStr) -> std::result::Result<Option<Metadata>, Skipped> {
    let mut place = top.to_owned();
    let mut found = None;
    for part in path.split(|byte| *byte == b'/') {
        place.push(std::ffi::OsStr::from_bytes(part));
        match place.symlink_metadata() {
            Ok(data) if data.is_symlink() => return Ok(None),
            Ok(data) => found = Some(data),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(e) => return Err(unreadable(path, &place, &Error::io("look at", &place, &e))),
        }
    }
    Ok(found)
}

fn unreadable(path: &BStr, place: &Path, error: &Error) -> Skipped {
    let why = error.message().replace(&place.display().to_string(), "it");
    Skipped { path: shown(path), why, hint: error.next_step().unwrap_or("look at it by hand").to_owned(), failed: true }
}

/// Whether a file is what was staged, as git itself tells: by its size and its time.
fn is_as_staged(file: &Metadata, entry: &gix::index::Entry) -> bool {
    use std::os::unix::fs::MetadataExt;
    let stat = &entry.stat;
    file.is_file()
        && u64::from(stat.size) == file.size()
        && i64::from(stat.mtime.secs) == file.mtime()
        && i64::from(stat.mtime.nsecs) == file.mtime_nsec()
}

/// A symbolic link is never followed. Says so of one that leads out of the repository; what one inside leads to is
/// looked at where it is. Always true.
fn is_link_inside(top: &Path, path: &BStr, skipped: &mut Vec<Skipped>) -> bool {
    let place = join(top, path);
    let target = place.canonicalize();
    if place.is_symlink() && target.is_ok_and(|target| !target.starts_with(top)) {
        let why = "a symbolic link out of the repository, not followed";
        skipped.push(Skipped::note(path, why, "what it leads to is not in git; look at it where it is"));
    }
    true
}

pub(super) fn join(top: &Path, path: &BStr) -> PathBuf {
    top.join(std::ffi::OsStr::from_bytes(path))
}

/// Reads a file of the work tree, or says why not.
pub(super) fn read(top: &Path, path: &BStr) -> std::result::Result<SecretBytes, Skipped> {
    let place = join(top, path);
    let size = on_disk(top, path)?.map_or(0, |file| file.len());
    if size > MAX_FILE {
        return Err(Skipped::too_large(path, size));
    }
    let inside = Beneath::root(top).map(|root| root.join(std::ffi::OsStr::from_bytes(path)));
    match inside.and_then(|inside| files::read_secret(&inside, usize::try_from(MAX_FILE).unwrap_or(usize::MAX))) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Ok(SecretBytes::new(Vec::new())),
        Err(e) => Err(unreadable(path, &place, &e)),
    }
}
