//! The links that a host's configuration asks for outside `/run/pkeys`, and the ledger that remembers them.

use crate::activate::contents::File;
use crate::activate::tree::{self, Found, Root, failed};
use crate::activate::{Phase, Spec};
use crate::base::{Error, Result};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

const MAX_LEDGER: u64 = 16 * 1024 * 1024;
/// A file larger than any that is compared with a secret before it is replaced.
const MAX_COMPARED: u64 = 64 * 1024 * 1024;

/// Makes and mends the wanted links, removes those made before and no longer wanted. Returns what could not be.
pub(super) fn settle(root: &Root, spec: &Spec, phase: Phase, files: &[File], keep: bool) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let wanted: Vec<(&PathBuf, &File)> = files
        .iter()
        .flat_map(|file| file.links.iter().map(move |path| (path, file)))
        .filter(|(path, file)| **path != target(phase, file))
        .collect();
    let ledger = Ledger::read(root, spec, phase)?;
    let mut paths: BTreeSet<PathBuf> = wanted.iter().map(|(path, _)| (*path).clone()).collect();
    if keep {
        paths.extend(ledger.paths.iter().cloned());
    }
    // Before the first change: a run that is killed must not forget what it may have made.
    let both: BTreeSet<PathBuf> = paths.union(&ledger.paths).cloned().collect();
    ledger.write(root, spec, phase, &both)?;
    for (path, file) in wanted {
        if let Err(e) = make(root, path, &target(phase, file), file.bytes.expose()) {
            let hint = e.next_step().map(|hint| format!(" ({hint})")).unwrap_or_default();
            problems.push(format!("{}: {e}{hint}", file.place()));
            if !ledger.paths.contains(path) {
                paths.remove(path);
            }
        }
    }
    for path in ledger.paths.difference(&paths) {
        if let Err(e) = unmake(root, path, phase) {
            problems.push(format!("cannot remove the link {}: {e}", path.display()));
        }
    }
    Ledger { paths: both }.write(root, spec, phase, &paths)?;
    Ok(problems)
}

/// Where a file is found, whatever generation is current.
fn target(phase: Phase, file: &File) -> PathBuf {
    Path::new(phase.base()).join(file.place())
}

fn make(root: &Root, path: &Path, target: &Path, bytes: &[u8]) -> Result<()> {
    let (at, name) = root.parent(path, true)?.ok_or_else(|| Error::new("a directory vanished"))?;
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
    tree::link(at.as_fd(), name, target.as_os_str()).map_err(failed)
}

/// Removes a link, if it is still one of ours.
fn unmake(root: &Root, path: &Path, phase: Phase) -> Result<()> {
    let Some((at, name)) = root.parent(path, false)? else { return Ok(()) };
    match tree::look(at.as_fd(), name).map_err(|e| failed("read", path, e))? {
        Found::Link(there) if Path::new(&there).starts_with(phase.base()) => {
            // Never a directory: a user may have put one there since we looked.
            rustix::fs::unlinkat(&at, name, rustix::fs::AtFlags::empty()).map_err(|e| failed("remove", path, e))
        }
        _ => Ok(()),
    }
}

/// The paths of links that pkeys made. Public: paths only.
struct Ledger {
    paths: BTreeSet<PathBuf>,
}

impl Ledger {
    fn name(phase: Phase) -> &'static str {
        match phase {
            Phase::Users => "links-users.json",
            Phase::Services => "links.json",
        }
    }

    fn read(root: &Root, spec: &Spec, phase: Phase) -> Result<Self> {
        let empty = Self { paths: BTreeSet::new() };
        let Some(state) = root.directory(&spec.state_directory, false)? else { return Ok(empty) };
        tree::sweep(state.as_fd());
        let name = OsStr::new(Self::name(phase));
        let path = spec.state_directory.join(name);
        let Some(bytes) = tree::read(state.as_fd(), name, MAX_LEDGER).map_err(|e| failed("read", &path, e))? else {
            return Ok(empty);
        };
        // A ledger that cannot be read forgets; it must not hold up the secrets.
        Ok(Self { paths: serde_json::from_slice(&bytes).unwrap_or_default() })
    }

    fn write(&self, root: &Root, spec: &Spec, phase: Phase, paths: &BTreeSet<PathBuf>) -> Result<()> {
        if *paths == self.paths {
            return Ok(());
        }
        let state =
            root.directory(&spec.state_directory, true)?.ok_or_else(|| Error::new("the state directory vanished"))?;
        let mut bytes = serde_json::to_vec_pretty(paths).map_err(|_| Error::new("a link's path is not UTF-8"))?;
        bytes.push(b'\n');
        let name = Self::name(phase);
        tree::replace(state.as_fd(), name, &bytes).map_err(|e| failed("write", &spec.state_directory.join(name), e))
    }
}
