//! What was found, put together: one finding for each value, with the place where it came in first.

use crate::scan::allow::Allowed;
use crate::scan::content::Content;
use crate::scan::found::Value;
use crate::scan::kind::Kind;
use crate::scan::{Commit, Finding};
use std::collections::{BTreeSet, HashMap};

/// Where a text was: a path, and the number of the commit; none in the work tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The first in order: a commit before the work tree, an older one before a younger.
    pub commit: usize,
    pub path: String,
    pub line: usize,
}

/// The commit's number of what is in the work tree: after all there are.
pub(super) const WORK_TREE: usize = usize::MAX;
/// The commit's number of what a tag names that is no commit: after all commits.
pub(super) const TAGGED: usize = usize::MAX - 1;

struct Group {
    kind: &'static Kind,
    masked: String,
    fingerprint: Option<String>,
    places: BTreeSet<Place>,
}

/// Gathers the finds of many texts.
#[derive(Default)]
pub(super) struct Gathered {
    groups: Vec<Group>,
    numbers: HashMap<(&'static str, Value), usize>,
}

impl Gathered {
    /// Adds what was found in one text, which was at these places.
    pub fn add(&mut self, content: Content, places: &[(String, usize)]) {
        for (found, line) in content.found {
            let number = *self.numbers.entry((found.kind.name, found.value)).or_insert(self.groups.len());
            if number == self.groups.len() {
                let (kind, masked, fingerprint) = (found.kind, found.masked, found.fingerprint);
                self.groups.push(Group { kind, masked, fingerprint, places: BTreeSet::new() });
            }
            let here = places.iter().map(|(path, commit)| Place { commit: *commit, path: path.clone(), line });
            self.groups[number].places.extend(here);
        }
    }

    /// The findings that are not allowed, in the order of paths; how many are allowed; and which entries were needed.
    pub fn findings(self, allowed: &[Allowed], commits: &[Commit]) -> (Vec<Finding>, usize, BTreeSet<usize>) {
        let (mut findings, mut passed, mut needed) = (Vec::new(), 0, BTreeSet::new());
        for group in self.groups {
            let pass = |place: &Place| {
                let all =
                    allowed.iter().filter(|one| one.allows(&place.path, group.kind, group.fingerprint.as_deref()));
                all.map(|one| one.line).collect::<Vec<_>>()
            };
            let mut left = Vec::new();
            for place in &group.places {
                let lines = pass(place);
                if lines.is_empty() {
                    left.push(place.clone());
                }
                needed.extend(lines);
            }
            match left.split_first() {
                None => passed += 1,
                Some((first, _)) => findings.push(finding(&group, first, &left, commits)),
            }
        }
        findings.sort_by(|a, b| (&a.path, a.line, a.kind.name).cmp(&(&b.path, b.line, b.kind.name)));
        (findings, passed, needed)
    }
}

fn finding(group: &Group, first: &Place, places: &[Place], commits: &[Commit]) -> Finding {
    // Versions of one file are one place.
    let mut paths: BTreeSet<&str> = places.iter().map(|place| place.path.as_str()).collect();
    paths.remove(first.path.as_str());
    let now = places.iter().filter(|place| place.commit == WORK_TREE);
    let now = now.clone().find(|place| place.path == first.path).or_else(|| now.clone().next());
    Finding {
        kind: group.kind,
        path: first.path.clone(),
        line: first.line,
        commit: commits.get(first.commit).cloned(),
        now: now.map(|place| (place.path.clone(), place.line)),
        masked: group.masked.clone(),
        fingerprint: group.fingerprint.clone(),
        more: paths.len(),
    }
}
