//! What git keeps of a directory of the repository: in its history, and on both sides of a merge conflict.

use crate::base::{Error, Result};
use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};
use gix::index::entry::Stage;
use std::collections::{BTreeMap, BinaryHeap, HashSet};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Files of one state of a directory, by name.
pub type Snapshot = BTreeMap<String, Vec<u8>>;

/// Visits each distinct state of a directory that the index has in a merge conflict, or the history of `HEAD`, of a
/// merge in progress and, with `branches`, of all local branches, newer commits first. Reads only the named files, each of at
/// most `limit` bytes; larger files, links and missing files are not in the [`Snapshot`].
///
/// Returns whether `visit` ended it. Without a git repository nothing is visited.
///
/// # Errors
/// If the repository cannot be opened.
pub fn visit_states(
    root: &Path,
    directory: &Path,
    names: &[&str],
    limit: u64,
    branches: bool,
    visit: &mut dyn FnMut(Snapshot) -> ControlFlow<()>,
) -> Result<bool> {
    let Some((git, below)) = open(root)? else { return Ok(false) };
    let directory = below.join(directory);
    let reader = Reader { git: &git, names, limit };
    for snapshot in reader.conflicted(&directory) {
        if visit(snapshot).is_break() {
            return Ok(true);
        }
    }
    reader.history(&directory, branches, visit)
}

/// The git repository that a directory is in, and the directory's path there.
pub(super) fn open(root: &Path) -> Result<Option<(gix::Repository, PathBuf)>> {
    let root = root.canonicalize().map_err(|e| Error::io("open", root, &e))?;
    if gix::discover::upwards(&root).is_err() {
        return Ok(None);
    }
    let failed =
        |e: String| Error::new(format!("cannot read the git repository: {e}")).hint("`git status` there says more");
    let git = gix::discover(&root).map_err(|e| failed(e.to_string()))?;
    let Some(top) = git.workdir().and_then(|top| top.canonicalize().ok()) else { return Ok(None) };
    Ok(root.strip_prefix(&top).ok().map(|below| (git, below.to_owned())))
}

pub(super) struct Reader<'a> {
    pub(super) git: &'a gix::Repository,
    pub(super) names: &'a [&'a str],
    pub(super) limit: u64,
}

impl Reader<'_> {
    pub(super) fn blob(&self, id: ObjectId) -> Option<Vec<u8>> {
        let small = self.git.find_header(id).is_ok_and(|header| header.size() <= self.limit);
        small.then(|| self.git.find_object(id).ok().map(|object| object.detach().data)).flatten()
    }

    /// The two sides of a conflict, as the index has them.
    fn conflicted(&self, directory: &Path) -> Vec<Snapshot> {
        let Ok(index) = self.git.index_or_empty() else { return Vec::new() };
        let mut prefix = BString::from(directory.as_os_str().as_bytes());
        prefix.push(b'/');
        let mut sides: [Snapshot; 2] = Default::default();
        for entry in index.entries() {
            let Some(name) = entry.path(&index).strip_prefix(prefix.as_slice()) else { continue };
            let side = match entry.stage() {
                Stage::Ours => 0,
                Stage::Theirs => 1,
                _ => continue,
            };
            if let Some(name) = self.names.iter().find(|known| known.as_bytes() == name)
                && let Some(bytes) = self.blob(entry.id)
            {
                sides[side].insert((*name).to_owned(), bytes);
            }
        }
        sides.into_iter().filter(|side| !side.is_empty()).collect()
    }

    fn history(
        &self,
        directory: &Path,
        branches: bool,
        visit: &mut dyn FnMut(Snapshot) -> ControlFlow<()>,
    ) -> Result<bool> {
        let mut seen = HashSet::new();
        let mut trees = HashSet::new();
        let mut open = BinaryHeap::new();
        let under_way = ["MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD"];
        let other = under_way.iter().filter_map(|name| self.git.try_find_reference(*name).ok()??.try_id());
        for id in self.git.head_id().into_iter().chain(other) {
            self.add(id.detach(), &mut seen, &mut open);
        }
        let platform = self.git.references().ok().filter(|_| branches);
        let local = platform.as_ref().and_then(|all| all.local_branches().ok());
        for branch in local.into_iter().flatten().filter_map(std::result::Result::ok) {
            branch.try_id().into_iter().for_each(|id| self.add(id.detach(), &mut seen, &mut open));
        }
        while let Some((_, id)) = open.pop() {
            let Some(commit) = self.git.find_object(id).ok().and_then(|object| object.try_into_commit().ok()) else {
                continue;
            };
            for parent in commit.parent_ids() {
                self.add(parent.detach(), &mut seen, &mut open);
            }
            let Some(tree) = commit.tree().ok().and_then(|tree| self.directory(tree, directory)) else { continue };
            if !trees.insert(tree.id) {
                continue;
            }
            if visit(self.snapshot(&tree)).is_break() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The named files of a directory.
    pub(super) fn snapshot(&self, tree: &gix::Tree<'_>) -> Snapshot {
        let mut snapshot = Snapshot::new();
        for entry in tree.iter().filter_map(std::result::Result::ok).filter(|entry| entry.mode().is_blob()) {
            if let Some(name) = self.names.iter().find(|known| known.as_bytes() == entry.filename().as_bytes())
                && let Some(bytes) = self.blob(entry.oid().to_owned())
            {
                snapshot.insert((*name).to_owned(), bytes);
            }
        }
        snapshot
    }

    pub(super) fn directory<'t>(&self, tree: gix::Tree<'t>, directory: &Path) -> Option<gix::Tree<'t>> {
        let mut tree = tree;
        for part in directory.components() {
            let name = part.as_os_str().as_bytes();
            let entry =
                tree.iter().filter_map(std::result::Result::ok).find(|entry| entry.filename().as_bytes() == name)?;
            tree = entry.object().ok()?.try_into_tree().ok()?;
        }
        Some(tree)
    }

    /// Queues a commit by its time: newer ones come first.
    pub(super) fn add(&self, id: ObjectId, seen: &mut HashSet<ObjectId>, open: &mut BinaryHeap<(i64, ObjectId)>) {
        if seen.insert(id) {
            let commit = self.git.find_object(id).ok().and_then(|object| object.try_into_commit().ok());
            let time = commit.and_then(|commit| commit.time().ok()).map_or(0, |time| time.seconds);
            open.push((time, id));
        }
    }
}
