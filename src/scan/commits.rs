//! Every commit of every branch, tag, remote and stash, oldest first.

use crate::base::{Error, Result};
use crate::scan::{Commit, Skipped};
use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};
use gix::objs::Kind;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// What the references lead to.
#[derive(Default)]
pub(super) struct Commits {
    /// Parents before children, and older before younger, with their trees.
    pub ordered: Vec<(Commit, ObjectId)>,
    /// Tags of something that is no commit, by their names.
    pub tagged: Vec<(Kind, ObjectId, BString)>,
}

struct Node {
    parents: Vec<ObjectId>,
    tree: ObjectId,
    time: i64,
}

/// Reads all commits that can be reached.
///
/// # Errors
/// When the references cannot be read.
pub(super) fn read(git: &gix::Repository, skipped: &mut Vec<Skipped>) -> Result<Commits> {
    let mut all = Commits::default();
    let mut todo = Vec::new();
    for (name, id) in references(git)? {
        match peel(git, id) {
            Some((Kind::Commit, id)) => todo.push(id),
            Some((kind, id)) => all.tagged.push((kind, id, name)),
            None => skipped.push(Skipped::missing(name.as_bstr(), "what this reference points to is missing")),
        }
    }
    let boundary = git.shallow_commits().ok().flatten();
    let is_boundary = |id: &ObjectId| boundary.as_ref().is_some_and(|all| all.binary_search(id).is_ok());
    if boundary.is_some() {
        skipped.push(Skipped {
            path: String::new(),
            why: "this clone is shallow: older commits are not here".into(),
            hint: "`git fetch --unshallow`, and in CI fetch-depth: 0 (GitHub) or GIT_DEPTH: 0 (GitLab)".into(),
            failed: true,
        });
    }
    let (mut nodes, mut missing) = (HashMap::new(), 0);
    while let Some(id) = todo.pop() {
        if nodes.contains_key(&id) {
            continue;
        }
        let node = node(git, id, is_boundary(&id));
        missing += usize::from(node.is_none());
        todo.extend(node.iter().flat_map(|node| &node.parents));
        nodes.insert(id, node);
    }
    if missing > 0 {
        skipped.push(Skipped::missing(b"".as_bstr(), &format!("commits that are missing or damaged: {missing}")));
    }
    all.ordered = order(nodes.into_iter().filter_map(|(id, node)| Some((id, node?))).collect());
    Ok(all)
}

/// Everything that keeps a commit: references, HEADs of all work trees, and each stash.
fn references(git: &gix::Repository) -> Result<Vec<(BString, ObjectId)>> {
    let failed = |e: &dyn std::fmt::Display| {
        Error::new(format!("cannot read the references of {}: {e}", git.git_dir().display()))
            .hint("`git fsck` says more")
    };
    let mut found = Vec::new();
    let platform = git.references().map_err(|e| failed(&e))?;
    for reference in platform.all().map_err(|e| failed(&e))? {
        let reference = reference.map_err(|e| failed(&e))?;
        let name = reference.name().as_bstr().to_owned();
        if name == "refs/stash" {
            // Stashes below the top are in its log alone.
            let mut log = reference.log_iter();
            let lines = log.all().ok().flatten().into_iter().flatten().flatten();
            found.extend(lines.map(|line| (name.clone(), line.new_oid())));
        }
        found.extend(reference.try_id().map(|id| (name, id.detach())));
    }
    let head = |git: &gix::Repository| Some((BString::from("HEAD"), git.head_id().ok()?.detach()));
    found.extend(head(git));
    for other in git.worktrees().unwrap_or_default() {
        found.extend(other.into_repo_with_possibly_inaccessible_worktree().ok().and_then(|other| head(&other)));
    }
    found.extend(git.main_repo().ok().and_then(|main| head(&main)));
    Ok(found)
}

/// What a tag of a tag of something is.
fn peel(git: &gix::Repository, id: ObjectId) -> Option<(Kind, ObjectId)> {
    let object = git.find_object(id).ok()?.peel_tags_to_end().ok()?;
    Some((object.kind, object.id))
}

fn node(git: &gix::Repository, id: ObjectId, is_boundary: bool) -> Option<Node> {
    let commit = git.find_object(id).ok()?.try_into_commit().ok()?;
    let decoded = commit.decode().ok()?;
    let parents = if is_boundary { Vec::new() } else { decoded.parents().collect() };
    let time = decoded.committer().ok().and_then(|who| who.time().ok()).map_or(0, |time| time.seconds);
    Some(Node { parents, tree: decoded.tree(), time })
}

/// Parents first; of those whose parents are all done, the oldest.
fn order(nodes: HashMap<ObjectId, Node>) -> Vec<(Commit, ObjectId)> {
    let mut children: HashMap<ObjectId, Vec<ObjectId>> = HashMap::new();
    let mut waiting: HashMap<ObjectId, usize> = HashMap::new();
    let mut ready = BinaryHeap::new();
    for (id, node) in &nodes {
        let here = node.parents.iter().filter(|parent| nodes.contains_key(*parent));
        waiting.insert(*id, here.clone().count());
        here.for_each(|parent| children.entry(*parent).or_default().push(*id));
        if waiting[id] == 0 {
            ready.push(Reverse((node.time, *id)));
        }
    }
    let mut ordered = Vec::with_capacity(nodes.len());
    while let Some(Reverse((time, id))) = ready.pop() {
        ordered.push((Commit { id: id.to_string(), time }, nodes[&id].tree));
        for child in children.remove(&id).unwrap_or_default() {
            let left = waiting.get_mut(&child).expect("every commit waits");
            *left -= 1;
            if *left == 0 {
                ready.push(Reverse((nodes[&child].time, child)));
            }
        }
    }
    ordered
}
