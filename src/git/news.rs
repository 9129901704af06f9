//! What came into the history of `HEAD` since it was last looked at.

use super::history::{Reader, Snapshot, open};
use crate::base::Result;
use gix::ObjectId;
use gix::bstr::ByteSlice;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::path::Path;

/// Something that a new commit has.
#[derive(Debug)]
pub enum News {
    /// Files of the repository's top that differ from those of a parent.
    Changed(Snapshot, Snapshot),
    /// A directory, by its name, in a state that no newer commit has.
    State(String, Snapshot),
}

/// Which files are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Files of the top.
    pub top: &'a [&'a str],
    /// A directory of directories.
    pub directory: &'a str,
    /// The files in each of them.
    pub inside: &'a [&'a str],
    /// How large a file may be.
    pub limit: u64,
}

/// Visits what is new in commits that `HEAD` has and none of `known` has. Returns the id of `HEAD`; `None` without a
/// repository or a commit.
///
/// # Errors
/// If the repository cannot be opened.
pub fn visit_news(
    root: &Path,
    known: &[String],
    wanted: Wanted<'_>,
    visit: &mut dyn FnMut(News),
) -> Result<Option<String>> {
    let Some((git, below)) = open(root)? else { return Ok(None) };
    let Some(head) = git.head_id().ok().map(gix::Id::detach) else { return Ok(None) };
    let known: Vec<_> = known.iter().filter_map(|id| ObjectId::from_hex(id.as_bytes()).ok()).collect();
    let reader = Reader { git: &git, names: wanted.inside, limit: wanted.limit };
    let mut trees = HashSet::new();
    for commit in reader.new_commits(head, &known) {
        let Some(tree) = reader.tree(commit) else { continue };
        let here = reader.top(&tree, &below, wanted.top);
        for parent in reader.parents(commit) {
            let Some(there) = reader.tree(parent).map(|tree| reader.top(&tree, &below, wanted.top)) else { continue };
            if here != there {
                visit(News::Changed(reader.texts(&there), reader.texts(&here)));
            }
        }
        let Some(all) = reader.directory(tree, &below.join(wanted.directory)) else { continue };
        if !trees.insert(all.id) {
            continue;
        }
        for entry in all.iter().filter_map(std::result::Result::ok).filter(|entry| entry.mode().is_tree()) {
            let Ok(name) = std::str::from_utf8(entry.filename()).map(str::to_owned) else { continue };
            if let Some(tree) = entry.object().ok().and_then(|object| object.try_into_tree().ok())
                && trees.insert(tree.id)
            {
                visit(News::State(name, reader.snapshot(&tree)));
            }
        }
    }
    Ok(Some(head.to_string()))
}

impl Reader<'_> {
    fn tree(&self, commit: ObjectId) -> Option<gix::Tree<'_>> {
        self.git.find_object(commit).ok()?.try_into_commit().ok()?.tree().ok()
    }

    fn parents(&self, commit: ObjectId) -> Vec<ObjectId> {
        let commit = self.git.find_object(commit).ok().and_then(|object| object.try_into_commit().ok());
        commit.map(|commit| commit.parent_ids().map(gix::Id::detach).collect()).unwrap_or_default()
    }

    /// The ids of files in a directory.
    fn top(&self, tree: &gix::Tree<'_>, below: &Path, names: &[&str]) -> BTreeMap<String, ObjectId> {
        let Some(tree) = self.directory(tree.clone(), below) else { return BTreeMap::new() };
        let blobs = tree.iter().filter_map(std::result::Result::ok).filter(|entry| entry.mode().is_blob());
        let named = blobs.filter_map(|entry| {
            let name = names.iter().find(|name| name.as_bytes() == entry.filename().as_bytes())?;
            Some(((*name).to_owned(), entry.oid().to_owned()))
        });
        named.collect()
    }

    fn texts(&self, files: &BTreeMap<String, ObjectId>) -> Snapshot {
        files.iter().filter_map(|(name, id)| Some((name.clone(), self.blob(*id)?))).collect()
    }

    /// The commits that are reached from `head` and from none of `known`, newer ones first.
    fn new_commits(&self, head: ObjectId, known: &[ObjectId]) -> Vec<ObjectId> {
        let (mut hidden, mut seen, mut open): (HashMap<_, bool>, HashSet<_>, BinaryHeap<_>) = Default::default();
        for (id, is_known) in known.iter().map(|id| (*id, true)).chain([(head, false)]) {
            hidden.entry(id).or_insert(is_known);
            self.add(id, &mut seen, &mut open);
        }
        let mut found = Vec::new();
        // By their times, a known commit comes before its ancestors; where clocks were wrong, too many are new, never too few.
        while open.iter().any(|(_, id)| !hidden[id]) {
            let Some((_, id)) = open.pop() else { break };
            let is_known = hidden[&id];
            if !is_known {
                found.push(id);
            }
            for parent in self.parents(id) {
                *hidden.entry(parent).or_default() |= is_known;
                self.add(parent, &mut seen, &mut open);
            }
        }
        found
    }
}
