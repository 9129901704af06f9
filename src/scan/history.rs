//! Every file of every commit, each content once.

use crate::base::Result;
use crate::scan::report::TAGGED;
use crate::scan::repository::Opened;
use crate::scan::{Commit, MAX_FILE, Skipped, commits};
use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::objs::{Kind, TreeRefIter};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

/// How many entries of folders are looked at that were looked at under another name already. A dozen folders, each of which
/// has the next one ten times, are 10^12 names.
const MOST_REPEATED: usize = 500_000;
/// The longest name of a folder, in bytes: git can check out no longer one (`PATH_MAX`).
const LONGEST_NAME: usize = 4096;

/// A file's contents as git keeps them, and its names, each with the number of the commit in which it came in.
#[derive(Debug)]
pub(super) struct Blob {
    pub id: ObjectId,
    pub places: Vec<(BString, usize)>,
}

/// All of a history.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Parents before children, and older before younger.
    pub commits: Vec<Commit>,
    pub blobs: Vec<Blob>,
}

/// Lists it all; reads commits and trees, no file.
///
/// # Errors
/// When the references cannot be read.
pub(super) fn list(opened: &Opened, skipped: &mut Vec<Skipped>) -> Result<History> {
    let mut git = opened.git.to_thread_local();
    git.object_cache_size_if_unset(16 * 1024 * 1024);
    let all = commits::read(&git, skipped)?;
    let mut walk = Walk::new(&git, opened);
    let mut ordered = Vec::with_capacity(all.ordered.len());
    for (number, (commit, tree)) in all.ordered.into_iter().enumerate() {
        ordered.push(commit);
        walk.tree(tree, b"".as_bstr(), number);
    }
    // Tags of a tree or a file have no commit.
    for (kind, id, name) in all.tagged {
        match kind {
            Kind::Tree => walk.tree(id, b"".as_bstr(), TAGGED),
            Kind::Blob if opened.wants(&name) => walk.blob(id, name, TAGGED),
            _ => {}
        }
    }
    if walk.missing > 0 {
        let why = format!("folders that are missing or damaged: {}", walk.missing);
        skipped.push(Skipped::missing(b"".as_bstr(), &why));
    }
    if walk.cut > 0 {
        skipped.push(Skipped {
            path: String::new(),
            why: format!("further names of folders that were read under {MOST_REPEATED} names: {}", walk.cut),
            hint: "what is found may have more names; `pkeys scan PATH --history` looks at fewer".into(),
            failed: true,
        });
    }
    Ok(History { commits: ordered, blobs: walk.blobs })
}

struct Walk<'a> {
    git: &'a gix::Repository,
    opened: &'a Opened,
    hasher: RandomState,
    /// The folders that were read under some name: each is, so that every file is found.
    read: HashSet<ObjectId>,
    /// The same folder under another name has files under other names: the hash of the name.
    seen: HashSet<(ObjectId, u64)>,
    numbers: HashMap<ObjectId, usize>,
    blobs: Vec<Blob>,
    /// The number of a file's contents, and the hash of one of its names.
    places: HashSet<(usize, u64)>,
    missing: usize,
    repeated: usize,
    cut: usize,
}

impl<'a> Walk<'a> {
    fn new(git: &'a gix::Repository, opened: &'a Opened) -> Self {
        Self {
            git,
            opened,
            hasher: RandomState::new(),
            read: HashSet::new(),
            seen: HashSet::new(),
            numbers: HashMap::new(),
            blobs: Vec::new(),
            places: HashSet::new(),
            missing: 0,
            repeated: 0,
            cut: 0,
        }
    }

    fn tree(&mut self, id: ObjectId, name: &BStr, commit: usize) {
        let mut todo = vec![(id, name.to_owned())];
        while let Some((id, folder)) = todo.pop() {
            if !self.seen.insert((id, self.hasher.hash_one(&folder))) {
                continue;
            }
            let again = !self.read.insert(id);
            if again && self.repeated >= MOST_REPEATED {
                self.cut += 1;
                continue;
            }
            let Some(data) = self.git.find_object(id).ok().filter(|object| object.kind == Kind::Tree) else {
                self.missing += 1;
                continue;
            };
            for entry in TreeRefIter::from_bytes(&data.data, id.kind()) {
                let Ok(entry) = entry else {
                    self.missing += 1;
                    break;
                };
                self.repeated += usize::from(again);
                let mut path = folder.clone();
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(entry.filename);
                if entry.mode.is_tree() && self.opened.leads(&path) {
                    if path.len() > LONGEST_NAME {
                        path.truncate(LONGEST_NAME / 4);
                        path.extend_from_slice("…".as_bytes());
                    }
                    todo.push((entry.oid.to_owned(), path));
                } else if entry.mode.is_blob() && self.opened.wants(&path) {
                    self.blob(entry.oid.to_owned(), path, commit);
                }
            }
        }
    }

    fn blob(&mut self, id: ObjectId, path: BString, commit: usize) {
        let number = *self.numbers.entry(id).or_insert(self.blobs.len());
        if number == self.blobs.len() {
            self.blobs.push(Blob { id, places: Vec::new() });
        }
        if self.places.insert((number, self.hasher.hash_one(&path))) {
            self.blobs[number].places.push((path, commit));
        }
    }
}

/// Reads what git keeps of a file, or says why not. The buffer is wiped by the allocator.
pub(super) fn read(git: &gix::Repository, id: ObjectId, path: &BStr) -> std::result::Result<Vec<u8>, Skipped> {
    let missing = || Skipped::missing(path, &format!("git's object {} is missing or damaged", id.to_hex_with_len(10)));
    let size = git.find_header(id).map_err(|_| missing())?.size();
    if size > MAX_FILE {
        return Err(Skipped::too_large(path, size));
    }
    git.find_object(id).map(|object| object.detach().data).map_err(|_| missing())
}
