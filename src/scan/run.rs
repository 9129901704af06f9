//! The scan itself: first what there is to read, then reading it on all processors.

use crate::base::{Error, Result, files, parallel};
use crate::scan::allow::{self, ALLOW_FILE, Allowed};
use crate::scan::content::{Content, Flavour, Problem, look};
use crate::scan::history::{self, Blob, History};
use crate::scan::report::{Gathered, WORK_TREE};
use crate::scan::repository::{Opened, shown};
use crate::scan::work_tree::{self, Item};
use crate::scan::{Report, Skipped};
use gix::bstr::{BStr, BString, ByteSlice};
use std::collections::BTreeMap;
use std::path::Path;

/// How many texts one job reads: opening the object database anew for each would cost more than reading it.
const CHUNK: usize = 64;
const MAX_ALLOW: usize = 1024 * 1024;

/// A scan that is prepared: everything to read is known.
pub struct Scan {
    opened: Opened,
    allowed: Vec<Allowed>,
    items: Vec<Item>,
    history: Option<History>,
    skipped: Vec<Skipped>,
}

/// What came of one text: its finds, or why it was not read.
type Looked = std::result::Result<Vec<(Content, Vec<(String, usize)>)>, Skipped>;

impl Scan {
    /// Lists what there is to read of the repository that `path` is in: only what is at or below `path`; with `history`
    /// also what was in any commit that a reference keeps.
    ///
    /// # Errors
    /// When there is no repository, nothing of that name in it, or its allow-list is not right.
    pub fn prepare(path: &Path, whole: bool, history: bool) -> Result<Self> {
        let mut opened = Opened::find(path)?;
        if whole {
            opened.below = BString::default();
        }
        if opened.top.is_none() && !history {
            return Err(Error::new(format!("{} is a bare repository: it has no work tree", path.display()))
                .hint("look at its history: `pkeys scan --history`"));
        }
        if !opened.exists && !history {
            return Err(Error::new(format!("there is no {}", path.display()))
                .hint("correct the path, or look at what was there: `pkeys scan PATH --history`"));
        }
        let mut skipped = Vec::new();
        let allowed = allowed(&opened)?;
        let items = work_tree::list(&opened, &mut skipped)?.into_iter().collect();
        let history = if history { Some(history::list(&opened, &mut skipped)?) } else { None };
        Ok(Self { opened, allowed, items, history, skipped })
    }

    /// How many texts there are to read.
    pub fn steps(&self) -> usize {
        self.items.len() + self.history.as_ref().map_or(0, |history| history.blobs.len())
    }

    /// Reads them all; `step` is called for each, by several threads.
    pub fn run(self, step: impl Fn() + Sync) -> Report {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let history = self.history.unwrap_or_default();
        let mut gathered = Gathered::default();
        let mut skipped = self.skipped;
        let opened = &self.opened;
        let run = |one: &dyn Fn(&gix::Repository) -> Looked, git: &gix::Repository| {
            let looked = one(git);
            step();
            looked
        };
        let chunks: Vec<_> = self.items.chunks(CHUNK).collect();
        let files = parallel::each(&chunks, at_once, |chunk| {
            let git = opened.git.to_thread_local();
            chunk.iter().map(|item| run(&|git| look_at_item(opened, git, item), &git)).collect::<Vec<_>>()
        });
        let chunks: Vec<_> = history.blobs.chunks(CHUNK).collect();
        let blobs = parallel::each(&chunks, at_once, |chunk| {
            let git = opened.git.to_thread_local();
            chunk.iter().map(|blob| run(&|git| look_at_blob(git, blob), &git)).collect::<Vec<_>>()
        });
        for looked in files.into_iter().chain(blobs).flatten() {
            match looked {
                Ok(contents) => contents.into_iter().for_each(|(content, places)| {
                    skipped.extend(content.problem.and_then(|problem| problem_of(problem, &places)));
                    gathered.add(content, &places);
                }),
                Err(reason) => skipped.push(reason),
            }
        }
        skipped.sort();
        skipped.dedup();
        let (findings, allowed, needed) = gathered.findings(&self.allowed, &history.commits);
        let whole = opened.below.is_empty();
        let unneeded = self.allowed.into_iter().filter(|one| whole && !needed.contains(&one.line)).collect();
        let (commits, blobs, files) = (history.commits.len(), history.blobs.len(), self.items.len());
        Report { findings, allowed, unneeded, skipped, files, commits, blobs }
    }
}

fn look_at_item(opened: &Opened, git: &gix::Repository, item: &Item) -> Looked {
    let path = item.path();
    let places = vec![(shown(path), WORK_TREE)];
    let flavour = Flavour::of(path);
    let content = match (item, &opened.top) {
        (Item::File(_), Some(top)) => look(work_tree::read(top, path)?.expose(), flavour),
        (Item::File(_), None) => Content::default(),
        (Item::Staged(_, id), _) => look(&history::read(git, *id, path)?, flavour),
    };
    Ok(vec![(content, places)])
}

/// A content that had names of several kinds is looked at as each of them.
fn look_at_blob(git: &gix::Repository, blob: &Blob) -> Looked {
    let first = blob.places.first().map_or(b"".as_bstr(), |(path, _)| path.as_bstr());
    let bytes = history::read(git, blob.id, first)?;
    let mut places: BTreeMap<Flavour, Vec<_>> = BTreeMap::new();
    for (path, commit) in &blob.places {
        places.entry(Flavour::of(path)).or_default().push((shown(path), *commit));
    }
    Ok(places.into_iter().map(|(flavour, places)| (look(&bytes, flavour), places)).collect())
}

fn problem_of(problem: Problem, places: &[(String, usize)]) -> Option<Skipped> {
    let path: &BStr = places.first()?.0.as_bytes().as_bstr();
    Some(match problem {
        Problem::NotUtf8 => Skipped::note(
            path,
            "not UTF-8 text: only keys and tokens were looked for in it",
            "save it as UTF-8, or look for passwords in it by hand",
        ),
        Problem::TooDeep => Skipped::note(
            path,
            "nested too deeply: only keys and tokens were looked for in it",
            "look for passwords in it by hand",
        ),
    })
}

/// The allow-list of the work tree; in a bare repository, that of HEAD.
fn allowed(opened: &Opened) -> Result<Vec<Allowed>> {
    let bytes = match &opened.top {
        Some(top) => {
            let place = top.join(ALLOW_FILE);
            if place.is_symlink() {
                return Err(Error::new(format!("{ALLOW_FILE} is a symbolic link")).hint("put the file itself there"));
            }
            files::read(&place, MAX_ALLOW)?
        }
        None => of_head(&opened.git.to_thread_local()),
    };
    let text = String::from_utf8(bytes.unwrap_or_default())
        .map_err(|_| Error::new(format!("{ALLOW_FILE} is not UTF-8 text")).hint("save it as UTF-8"))?;
    allow::parse(&text)
}

fn of_head(git: &gix::Repository) -> Option<Vec<u8>> {
    let tree = git.head_commit().ok()?.tree().ok()?;
    let entry = tree.lookup_entry_by_path(ALLOW_FILE).ok()??;
    Some(entry.object().ok()?.detach().data)
}
