//! Finding what should not be in git: private keys, tokens and passwords in the work tree and in all of history.
//!
//! Changes nothing, and asks nobody. What is found is kept as its kind, its place and a masked value; the value itself goes
//! with the buffer that it was read into. May import `base` and `nixfiles`, and is the only room that uses `gix`.

mod allow;
mod commits;
mod content;
mod env;
mod found;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod history;
mod kind;
mod literal;
mod nix;
mod one_password;
mod private_key;
mod report;
mod repository;
mod run;
mod skipped;
mod token;
mod work_tree;

pub use allow::{ALLOW_FILE, Allowed};
pub use kind::Kind;
pub use run::Scan;
pub use skipped::Skipped;

/// The largest file that is read, in bytes.
pub const MAX_FILE: u64 = 64 * 1024 * 1024;

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its full name, in hexadecimal.
    pub id: String,
    /// When it was committed, in seconds since 1970.
    pub time: i64,
}

/// A secret that was found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is.
    pub kind: &'static Kind,
    /// The file in which it came in first, from the top of the repository; what is not UTF-8 in it is replaced.
    pub path: String,
    /// The line in that file, from 1.
    pub line: usize,
    /// The commit in which it came in; `None` when it is in the work tree alone, or history was not looked at.
    pub commit: Option<Commit>,
    /// Where it is in the work tree, or staged: path and line.
    pub now: Option<(String, usize)>,
    /// What may be shown of it: nothing that helps to use or guess it.
    pub masked: String,
    /// What tells it from others of its kind, where it cannot be guessed: an SSH fingerprint, an age recipient, or the
    /// SHA-256 of the value.
    pub fingerprint: Option<String>,
    /// In how many other files it is, or was.
    pub more: usize,
}

/// What a scan says.
#[derive(Debug, Default)]
pub struct Report {
    /// What was found, by path and line.
    pub findings: Vec<Finding>,
    /// How many more were found that the allow-list lets pass.
    pub allowed: usize,
    /// Entries of the allow-list that let nothing pass.
    pub unneeded: Vec<Allowed>,
    /// What was not looked at.
    pub skipped: Vec<Skipped>,
    /// How many files of the work tree were read.
    pub files: usize,
    /// How many commits there are; 0 without history.
    pub commits: usize,
    /// How many contents of files were read from history.
    pub blobs: usize,
}

impl Report {
    /// Whether all was looked at that should be.
    pub fn is_complete(&self) -> bool {
        !self.skipped.iter().any(|skipped| skipped.failed)
    }
}
