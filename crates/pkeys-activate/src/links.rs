//! The links that a host's configuration asks for outside `/run/pkeys`, and the ledger that remembers them.

use crate::contents::File;
use crate::root::Root;
use crate::tree::{self, Found, failed};
use crate::{Phase, Spec};
use pkeys_bundle::base::{Error, Result};
use rustix::fs::Mode;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

const MAX_LEDGER: u64 = 16 * 1024 * 1024;
/// A file larger than any that is compared with a secret before it is replaced.
const MAX_COMPARED: u64 = 64 * 1024 * 1024;

/// Makes and mends the wanted links, removes those made before and no longer wanted; with `dry_run` only looks.
/// Returns what could not be.
pub(super) fn settle(root: &Root, spec: &Spec, phase: Phase, files: &[File], keep: bool, dry_run: bool) -> Vec<String> {
    let mut problems = Vec::new();
    let wanted: Vec<(&PathBuf, &File)> = files
        .iter()
        .flat_map(|file| file.links.iter().map(move |path| (path, file)))
        .filter(|(path, file)| **path != target(phase, file))
        .collect();
    let ledger = Ledger { root, spec, phase };
    // Without its ledger pkeys makes links all the same: it only cannot know which ones to remove.
    let before = ledger.read(dry_run).unwrap_or_else(|e| {
        problems.push(format!("which links were made before is not known: {}", e.one_line()));
        BTreeSet::new()
    });
    // One that could not be read stays: what it remembers is known again once it can be.
    let keeps = dry_run || !problems.is_empty() && ledger.is_there();
    let mut after: BTreeSet<PathBuf> = wanted.iter().map(|(path, _)| (*path).clone()).collect();
    if keep {
        after.extend(before.iter().cloned());
    }
    let unwanted: Vec<PathBuf> = before.difference(&after).cloned().collect();
    // Before the first change: a run that is killed must not forget what it may have made.
    let both: BTreeSet<PathBuf> = before.union(&after).cloned().collect();
    let written = if both == before || keeps { Ok(()) } else { ledger.write(&both) };
    for (path, file) in wanted {
        if let Err(e) = make(root, path, &target(phase, file), file.bytes.expose(), dry_run) {
            problems.push(format!("{}: {}", file.place(), e.one_line()));
            if !before.contains(path) {
                after.remove(path);
            }
        }
    }
    for path in unwanted {
        if let Err(e) = unmake(root, &path, phase, dry_run) {
            problems.push(format!("cannot remove the link {}: {}", path.display(), e.one_line()));
            after.insert(path);
        }
    }
    let written = if after == both || keeps { written } else { written.and_then(|()| ledger.write(&after)) };
    if let Err(e) = written {
        problems.push(format!("which links were made cannot be remembered: {}", e.one_line()));
    }
    problems
}

/// The paths of links that were made before, as far as that is known.
pub(super) fn made(root: &Root, spec: &Spec, phase: Phase) -> BTreeSet<PathBuf> {
    Ledger { root, spec, phase }.read(true).unwrap_or_default()
}

/// Where a file is found, whatever generation is current.
pub(super) fn target(phase: Phase, file: &File) -> PathBuf {
    Path::new(phase.base()).join(file.place())
}

fn make(root: &Root, path: &Path, target: &Path, bytes: &[u8], dry_run: bool) -> Result<()> {
    let Some((at, name)) = root.parent(path, !dry_run)? else { return Ok(()) };
    let failed = |e| failed("make a link at", path, e);
    let in_the_way = |what: &str| {
        Err(Error::new(format!("at {} is {what} that pkeys did not make", path.display()))
            .hint("move it away, and activate again"))
    };
    match tree::look(at.as_fd(), name).map_err(failed)? {
        Found::Link(there) if there == target.as_os_str() => return Ok(()),
        Found::Nothing | Found::Link(_) => {}
        // What another tool left: nothing is lost if it is empty or has the same bytes.
        Found::File => match tree::read(at.as_fd(), name, MAX_COMPARED) {
            Ok(Some(there)) if there.is_empty() || there == bytes => {}
            _ => return in_the_way("a file"),
        },
        Found::Directory => return in_the_way("a directory"),
        Found::Other => return in_the_way("something"),
    }
    if dry_run {
        return Ok(());
    }
    tree::link(at.as_fd(), name, target.as_os_str()).map_err(failed)
}

/// Removes a link, if it is still one of ours.
fn unmake(root: &Root, path: &Path, phase: Phase, dry_run: bool) -> Result<()> {
    let Some((at, name)) = root.parent(path, false)? else { return Ok(()) };
    let failed = |e| failed("remove", path, e);
    let ours = match tree::look(at.as_fd(), name).map_err(failed)? {
        Found::Link(there) => Path::new(&there).starts_with(phase.base()),
        // Perhaps a run was killed while it made the link.
        Found::Nothing => true,
        _ => false,
    };
    // Never a directory: a user may have put one there since we looked.
    if ours && !dry_run { tree::unlink(at.as_fd(), name).map_err(failed) } else { Ok(()) }
}

/// The file that remembers the paths of links that pkeys made. Public: paths only.
struct Ledger<'a> {
    root: &'a Root,
    spec: &'a Spec,
    phase: Phase,
}

impl Ledger<'_> {
    fn name(&self) -> &'static str {
        match self.phase {
            Phase::Users => "links-users.json",
            Phase::Services => "links.json",
        }
    }

    fn path(&self) -> PathBuf {
        self.spec.state_directory.join(self.name())
    }

    fn read(&self, dry_run: bool) -> Result<BTreeSet<PathBuf>> {
        let Some(state) = self.root.directory(&self.spec.state_directory, false)? else { return Ok(BTreeSet::new()) };
        let bytes = tree::read(state.as_fd(), OsStr::new(self.name()), MAX_LEDGER);
        let Some(bytes) = bytes.map_err(|e| failed("read", &self.path(), e))? else { return Ok(BTreeSet::new()) };
        serde_json::from_slice(&bytes).map_err(|_| self.damaged(&state, dry_run))
    }

    /// Whether there is one, as far as that can be said.
    fn is_there(&self) -> bool {
        let there = |state: OwnedFd| {
            tree::look(state.as_fd(), OsStr::new(self.name())).map_err(|e| failed("read", &self.path(), e))
        };
        let state = self.root.directory(&self.spec.state_directory, false);
        !matches!(state.and_then(|state| state.map(there).transpose()), Ok(None | Some(Found::Nothing)))
    }

    /// Moves a ledger that cannot be understood aside: the next run starts a new one, and nothing is lost.
    fn damaged(&self, state: &OwnedFd, dry_run: bool) -> Error {
        let aside = format!("{}.damaged", self.name());
        let moved = !dry_run && rustix::fs::renameat(state, self.name(), state, &aside).is_ok();
        let error = Error::new(format!("{} is damaged", self.path().display()));
        if moved { error.hint(format!("it is kept as {aside}; remove by hand the links it names")) } else { error }
    }

    fn write(&self, paths: &BTreeSet<PathBuf>) -> Result<()> {
        let state = self.root.directory(&self.spec.state_directory, true)?;
        let state = state.ok_or_else(|| Error::new("the state directory vanished"))?;
        let mut bytes = serde_json::to_vec_pretty(paths).map_err(|_| Error::new("a link's path is not UTF-8"))?;
        bytes.push(b'\n');
        tree::replace(state.as_fd(), self.name().as_ref(), &bytes, Mode::from_raw_mode(0o600))
            .map_err(|e| failed("write", &self.path(), e))
    }
}
