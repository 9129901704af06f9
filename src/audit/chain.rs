//! Reading the log and checking its chain.
//!
//! Each line names the hash of one line before it. Normally that is the line right above; after a merge of two branches
//! of a repository it is one further up, and the end of the other branch is continued by nothing until the next line,
//! which `merges` it.

use crate::audit::entry::{Action, Entry, NOTHING};
use crate::bundle::sha256_hex;
use std::collections::{BTreeMap, BTreeSet};

/// The log as it was read.
#[derive(Debug)]
pub struct Chain {
    /// The lines that are entries, each with its number from 1.
    pub entries: Vec<(usize, Entry)>,
    /// What does not hold, in the order of the lines.
    pub problems: Vec<Problem>,
    /// The hash of the last whole line.
    pub(super) last: String,
    /// The hashes of other lines that no line continues.
    pub(super) open: Vec<String>,
    /// How many bytes the whole lines have.
    pub(super) whole: usize,
    /// Whether only the newline of the last line is missing.
    pub(super) unended: bool,
    /// How many bytes of an unfinished line follow.
    pub(super) torn: usize,
    /// Whether git left its marks of a conflict.
    pub(super) conflict: bool,
}

/// Why the log is not one unbroken chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The line is no entry.
    NoEntry(usize),
    /// The line continues one that is not there: a line before it was changed or removed.
    Broken(usize),
    /// Nothing continues these lines, and they are not the last: branches were merged.
    Merged(Vec<usize>),
    /// The last line is unfinished: a run was killed while it was written.
    Torn(usize),
}

impl Problem {
    /// What it means.
    pub fn message(&self) -> String {
        match self {
            Self::NoEntry(line) => format!("line {line} is no entry: it was changed"),
            Self::Broken(1) => "line 1 continues a line that is not there: lines before it were removed".into(),
            Self::Broken(line) => format!(
                "line {line} continues a line that is not there: line {} was changed, or lines before line {line} were removed",
                line - 1
            ),
            Self::Merged(ends) => {
                let ends: Vec<_> = ends.iter().map(ToString::to_string).collect();
                format!("nothing continues line {}: two branches that both added lines were merged", ends.join(", "))
            }
            Self::Torn(line) => format!("line {line} is unfinished: a run was killed while it wrote"),
        }
    }

    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoEntry(_) | Self::Broken(_) => {
                "compare with git's history: `git log -p audit.jsonl`; restore the lines if that was no accident"
            }
            Self::Merged(_) => "if you merged, all is well: the next command that changes something joins the ends",
            Self::Torn(_) => "the next command that changes something removes it, and says so",
        }
    }
}

impl Chain {
    /// Reads the bytes of a log.
    pub fn read(bytes: &[u8]) -> Self {
        let mut chain = Self {
            entries: Vec::new(),
            problems: Vec::new(),
            last: NOTHING.into(),
            open: Vec::new(),
            whole: 0,
            unended: false,
            torn: 0,
            conflict: false,
        };
        let mut seen = Seen::default();
        for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let number = at + 1;
            let entry = Entry::parse(line);
            if line.last() != Some(&b'\n') {
                if entry.is_none() {
                    chain.torn = line.len();
                    chain.problems.push(Problem::Torn(number));
                    break;
                }
                chain.unended = true;
            }
            chain.whole += line.len();
            chain.conflict |= ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark.as_bytes()));
            chain.last = hash(line);
            match entry {
                None => {
                    chain.problems.push(Problem::NoEntry(number));
                    // The next line continues it all the same.
                    seen.all.insert(chain.last.clone());
                }
                Some(entry) => {
                    if !seen.follows(&entry, number, &chain.last) {
                        chain.problems.push(Problem::Broken(number));
                    }
                    chain.entries.push((number, entry));
                }
            }
        }
        seen.ends.remove(&chain.last);
        if !seen.ends.is_empty() {
            let mut lines: Vec<_> = seen.ends.values().copied().collect();
            lines.sort_unstable();
            chain.problems.push(Problem::Merged(lines));
        }
        chain.open = seen.ends.into_keys().collect();
        chain
    }

    /// What is to stand behind the whole lines: one more for each action. The first mends a torn end and joins open ones.
    pub(super) fn next(mut self, actions: &[Action], time: &str, who: &str) -> String {
        let mut text = if self.unended { "\n".to_owned() } else { String::new() };
        for action in actions {
            let entry = Entry {
                time: time.into(),
                who: who.into(),
                action: action.name.into(),
                details: action.details.clone(),
                torn: Some(std::mem::take(&mut self.torn)).filter(|bytes| *bytes > 0),
                merges: std::mem::take(&mut self.open),
                previous: self.last,
            };
            let line = entry.to_line();
            self.last = sha256_hex(line.as_bytes());
            text += &line;
        }
        text
    }
}

/// SHA-256 of a line with its newline.
fn hash(line: &[u8]) -> String {
    if line.last() == Some(&b'\n') { sha256_hex(line) } else { sha256_hex(&[line, b"\n"].concat()) }
}

/// The lines that a line can continue.
#[derive(Default)]
struct Seen {
    all: BTreeSet<String>,
    /// Those that nothing continues yet, with their numbers.
    ends: BTreeMap<String, usize>,
}

impl Seen {
    /// Takes a line over. Returns whether all that it continues is there.
    fn follows(&mut self, entry: &Entry, number: usize, hash: &str) -> bool {
        let mut good = true;
        for before in std::iter::once(&entry.previous).chain(&entry.merges) {
            // A second first line is the start of a branch that had no log yet.
            good &= self.all.contains(before) || before == NOTHING;
            self.ends.remove(before);
        }
        self.all.insert(hash.into());
        self.ends.insert(hash.into(), number);
        good
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
