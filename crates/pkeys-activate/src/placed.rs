//! What is really in place, held against what a manifest and the spec want. Only looks.

use crate::contents::{Contents, File};
use crate::generation::{self, FOLDERS};
use crate::record;
use crate::root::Root;
use crate::tree::{self, Found};
use crate::{Phase, Spec, links};
use pkeys_bundle::Manifest;
use pkeys_bundle::base::{Error, Result, SecretName};
use pkeys_bundle::wire::Installed;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// The largest file of authorized keys that is read, in bytes.
const MAX_KEYS: u64 = 1024 * 1024;

/// What was found.
#[derive(Default)]
pub(super) struct Placed {
    /// The phases that were looked at, with the directory that each had.
    numbers: Vec<(Phase, Option<u64>)>,
    /// What the secrets for services and the authorized keys were made from; `None` when there are none.
    pub installed: Option<Installed>,
    /// Every wanted file, with what is wrong with it.
    pub files: BTreeMap<String, Vec<String>>,
    /// What is wrong otherwise.
    pub problems: Vec<String>,
    /// The installed lines of each user.
    pub authorized_keys: BTreeMap<String, Vec<String>>,
}

impl Placed {
    /// Looks at what is installed; without a manifest nothing is wanted but what the spec names.
    ///
    /// # Errors
    /// When the directories under `/run` cannot be opened.
    pub(super) fn look(spec: &Spec, root: &Root, manifest: Option<&Manifest>) -> Result<Self> {
        let mut placed = Self::default();
        let early = spec.secrets.values().any(|secret| secret.phase == Phase::Users);
        for phase in [Some(Phase::Services), early.then_some(Phase::Users)].into_iter().flatten() {
            let current = generation::current(root, phase)?;
            placed.numbers.push((phase, current.as_ref().map(|(number, _)| *number)));
            let Some((_, directory)) = current else {
                let error = Error::new(format!("nothing is installed at {}", phase.base()));
                placed
                    .problems
                    .push(error.hint("what does `journalctl -b -u 'pkeys-activate*'` say there?").one_line());
                continue;
            };
            placed.compare(root, phase, &directory, wanted(spec, phase, manifest));
            if phase == Phase::Services {
                placed.read_record(&directory);
                placed.read_keys(&directory);
            }
        }
        Ok(placed)
    }

    /// Whether it is still what is installed.
    ///
    /// # Errors
    /// As [`Self::look`].
    pub(super) fn is_current(&self, root: &Root) -> Result<bool> {
        for (phase, number) in &self.numbers {
            if generation::current(root, *phase)?.map(|(number, _)| number) != *number {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn compare(&mut self, root: &Root, phase: Phase, directory: &OwnedFd, wanted: Contents) {
        self.problems.extend(wanted.problems);
        for file in &wanted.files {
            let mut problems = Vec::new();
            problems.extend(wrong_file(directory, file));
            problems.extend(file.links.iter().filter_map(|path| wrong_link(root, path, &links::target(phase, file))));
            self.files.insert(file.place(), problems);
        }
        let wanted: BTreeSet<String> = wanted.files.iter().map(File::place).collect();
        for (folder, _) in FOLDERS {
            match names(directory, folder) {
                Ok((_, names)) => {
                    let there = names.into_iter().map(|name| format!("{folder}/{name}"));
                    let unwanted = there.filter(|place| !wanted.contains(place));
                    self.problems.extend(unwanted.map(|place| format!("{place} is there, and no bundle has it")));
                }
                Err(Errno::NOENT) => {}
                Err(e) => self.problems.push(format!("{folder}/ cannot be looked at: {e}")),
            }
        }
    }

    fn read_record(&mut self, directory: &OwnedFd) {
        let record = record::read(directory).unwrap_or_else(|problem| {
            self.problems.push(problem);
            Installed::default()
        });
        let owed = [&record.restart_owed[..], &record.reload_owed].concat();
        if !owed.is_empty() {
            self.problems.push(format!("not restarted or reloaded since their secrets changed: {}", owed.join(", ")));
        }
        self.installed = Some(record);
    }

    fn read_keys(&mut self, directory: &OwnedFd) {
        let (folder, users) = match names(directory, "authorized_keys") {
            Ok(found) => found,
            Err(Errno::NOENT) => return,
            Err(e) => return self.problems.push(format!("the authorized keys cannot be read: {e}")),
        };
        for user in users {
            match tree::read(folder.as_fd(), user.as_ref(), MAX_KEYS) {
                Ok(bytes) => {
                    let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
                    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
                    self.authorized_keys.insert(user, lines.map(Into::into).collect());
                }
                Err(_) => self.problems.push(format!("authorized_keys/{user} cannot be read")),
            }
        }
    }
}

/// What a generation of this manifest would hold; the bytes are left out.
fn wanted<'a>(spec: &Spec, phase: Phase, manifest: Option<&Manifest>) -> Contents<'a> {
    let names: BTreeSet<&SecretName> = manifest.iter().flat_map(|manifest| manifest.names()).collect();
    let mut contents = Contents::default();
    contents.add_secrets(spec, phase, names.iter().copied(), |name| names.contains(name).then_some(&[][..]));
    if let Some(manifest) = manifest.filter(|_| phase == Phase::Services) {
        contents.add_authorized_keys(manifest);
    }
    contents
}

/// What is wrong with a file of a generation.
fn wrong_file(directory: &OwnedFd, file: &File) -> Option<String> {
    let stat = match rustix::fs::statat(directory, file.place(), AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Some("it is not there".into()),
        Err(_) => return Some("it cannot be looked at".into()),
        Ok(stat) => stat,
    };
    if !FileType::from_raw_mode(stat.st_mode).is_file() {
        return Some("it is no regular file".into());
    }
    let mode = stat.st_mode & 0o7777;
    let ((uid, gid), (owner, group)) = ((stat.st_uid, stat.st_gid), file.owner);
    // Where others than root install, for images and tests, owners are not set.
    if rustix::process::geteuid().is_root() && (uid, gid) != (owner, group) {
        return Some(format!("its owner and group are {uid}:{gid}, and not {owner}:{group}"));
    }
    (mode != file.mode).then(|| format!("its mode is {mode:04o}, and not {:04o}", file.mode))
}

/// What is wrong with a link to a file.
fn wrong_link(root: &Root, path: &Path, target: &Path) -> Option<String> {
    if path == target {
        return None;
    }
    let found = match root.parent(path, false) {
        Ok(Some((at, name))) => tree::look(at.as_fd(), name).map_err(|e| tree::failed("look at", path, e)),
        Ok(None) => Ok(Found::Nothing),
        Err(e) => Err(e),
    };
    match found {
        Ok(Found::Link(there)) if there == target.as_os_str() => None,
        Ok(Found::Link(_)) => Some(format!("the link {} leads elsewhere", path.display())),
        Ok(Found::Nothing) => Some(format!("there is no link at {}", path.display())),
        Ok(_) => Some(format!("at {} is something that pkeys did not make", path.display())),
        Err(e) => Some(e.one_line()),
    }
}

/// A folder of a generation, and the names in it.
fn names(directory: &OwnedFd, folder: &str) -> rustix::io::Result<(OwnedFd, Vec<String>)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(directory, folder, flags, Mode::empty())?;
    let names = tree::entries(fd.as_fd())?.into_iter().map(|name| name.to_string_lossy().into_owned()).collect();
    Ok((fd, names))
}
