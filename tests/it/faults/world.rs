//! The place in which a command meets its faults: made once, and put back before each of them.

use super::state::{State, state_of};
use crate::common::{Sandbox, files_below};
use regex::bytes::Regex;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// What only a leak puts into a file: values of the tests, and private keys. A program may name what such a key begins with.
static LEAK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("needle|PRIVATE KEY-----\n|AGE-SECRET-KEY-(PQ-)?1[A-Z0-9]{20}").unwrap());
/// How private keys are called that are files by their nature, while they are written too.
const KEY_FILES: &[&str] = &["config/identity.txt", "config/signing-key", "root/etc/identity"];
const UNFINISHED_KEYS: &[&str] = &[".pkeys-tmp-identity", ".pkeys-tmp-signing-key"];

/// A sandbox, and a place in memory for what may be plaintext.
pub struct World {
    pub sandbox: Sandbox,
    pub memory: tempfile::TempDir,
    saved: tempfile::TempDir,
    /// Files that hold plaintext from the start: the operator's and the hosts' own keys.
    private: Vec<PathBuf>,
}

impl World {
    pub fn of(sandbox: Sandbox) -> Self {
        let memory = tempfile::tempdir_in("/dev/shm").expect("there is memory for files");
        Self { sandbox, memory, saved: tempfile::tempdir().unwrap(), private: Vec::new() }
    }

    /// After `pkeys init`, with hosts of these names.
    pub fn with_hosts(names: &[&str]) -> Self {
        let world = Self::of(Sandbox::new());
        names.iter().for_each(|name| drop(world.sandbox.host(name, &[])));
        world
    }

    pub fn top(&self) -> &Path {
        self.sandbox.top.path()
    }

    /// What the world is now is what each fault begins with.
    pub fn save(&mut self) {
        copy(self.top(), &self.saved.path().join("top"));
        copy(self.memory.path(), &self.saved.path().join("memory"));
        self.private = self.leaks().into_iter().collect();
        self.private.extend(KEY_FILES.iter().map(|name| self.sandbox.path(name)));
    }

    /// Puts the world back.
    pub fn reset(&self) {
        for (saved, place) in [("top", self.top()), ("memory", self.memory.path())] {
            for entry in std::fs::read_dir(place).unwrap().flatten() {
                match entry.file_type().unwrap().is_dir() {
                    true => std::fs::remove_dir_all(entry.path()).unwrap(),
                    false => std::fs::remove_file(entry.path()).unwrap(),
                }
            }
            copy(&self.saved.path().join(saved), place);
        }
    }

    /// All that is there, in a form in which two runs can be compared.
    pub fn state(&self) -> State {
        state_of(self.top())
    }

    /// Demands that no file on a disk holds plaintext. A host's program may put it where the ramfs is.
    #[track_caller]
    pub fn no_plaintext(&self, said: &str) {
        let leaks = self.leaks();
        let leak = leaks.iter().find(|path| !self.private.contains(path));
        assert!(leak.is_none(), "plaintext: {leak:?} {said}");
    }

    fn leaks(&self) -> Vec<PathBuf> {
        let ramfs = self.sandbox.path("root/run/pkeys.d");
        let paths = files_below(self.top()).into_iter().filter(|path| !path.starts_with(&ramfs));
        let leaks = |path: &PathBuf| LEAK.is_match(&std::fs::read(path).unwrap_or_default());
        let own = |path: &PathBuf| UNFINISHED_KEYS.iter().any(|name| path.to_string_lossy().contains(name));
        paths.filter(|path| leaks(path) && !own(path)).collect()
    }

    /// What unfinished runs left behind.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let unfinished = |path: &PathBuf| path.to_string_lossy().contains(".pkeys-tmp-");
        // A directory without a file in it counts too.
        let mut found = Vec::new();
        let mut open = vec![self.top().to_owned()];
        while let Some(directory) = open.pop() {
            for entry in std::fs::read_dir(&directory).unwrap().flatten() {
                if entry.file_type().unwrap().is_dir() {
                    open.push(entry.path());
                }
                found.extend(Some(entry.path()).filter(unfinished));
            }
        }
        found
    }

    /// Plaintext that a run left in memory: directories which a command makes for itself.
    pub fn left_in_memory(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.memory.path()).unwrap().flatten().map(|entry| entry.path());
        // The sheets of a new break-glass key are there to be printed.
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let own = |path: &PathBuf| name(path).starts_with("pkeys-") && !name(path).starts_with("pkeys-kept-");
        entries.filter(own).collect()
    }
}

/// Copies a directory's contents, with modes and links as they are.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_symlink() {
            symlink(std::fs::read_link(&source).unwrap(), &target).unwrap();
        } else if kind.is_dir() {
            copy(&source, &target);
            let mode = std::fs::metadata(&source).unwrap().permissions().mode();
            std::fs::set_permissions(&target, std::fs::Permissions::from_mode(mode)).unwrap();
        } else if kind.is_file() {
            std::fs::copy(&source, &target).unwrap();
        }
    }
}
