//! One git commit for each finished step.

use crate::audit::LOG_FILE;
use crate::base::{Error, Result};
use crate::git;
use crate::keys::KEYS_FILE;
use crate::manifest::{MANIFEST_FILE, Repository};
use std::path::PathBuf;
use std::process::Output;

/// Commits what pkeys writes, and nothing else of the work tree or the index.
pub struct Commits {
    root: PathBuf,
    paths: Vec<PathBuf>,
}

impl Commits {
    /// For a repository.
    ///
    /// # Errors
    /// When it is not in a git work tree.
    pub fn new(repository: &Repository) -> Result<Self> {
        let root = repository.root().to_owned();
        let files = [MANIFEST_FILE, KEYS_FILE, LOG_FILE, "bundles", "break-glass"].map(|name| root.join(name));
        let commits =
            Self { paths: files.into_iter().chain([repository.secrets_directory().path().to_owned()]).collect(), root };
        let inside = commits.git(&["rev-parse", "--is-inside-work-tree"])?;
        if inside.status.success() {
            return Ok(commits);
        }
        Err(Error::new("--commit needs a git repository").hint("run it without --commit, or `git init` first"))
    }

    /// Commits a step, if it changed something.
    ///
    /// # Errors
    /// When git does not take it.
    pub fn step(&self, message: &str) -> Result<()> {
        let paths: Vec<_> = self.paths.iter().filter(|path| path.exists()).filter_map(|path| path.to_str()).collect();
        let with = |arguments: &[&'static str]| -> Result<Output> {
            self.git(&arguments.iter().copied().chain(["--"]).chain(paths.iter().copied()).collect::<Vec<_>>())
        };
        let failed = |output: &Output| {
            let said = String::from_utf8_lossy(&output.stderr);
            let line = said.lines().rfind(|line| !line.is_empty()).unwrap_or("it said nothing");
            Error::new(format!("git could not commit the step: {line}"))
                .hint("commit by hand; running it again goes on from here")
        };
        let added = with(&["add", "--all"])?;
        if !added.status.success() {
            return Err(failed(&added));
        }
        if with(&["diff", "--no-textconv", "--cached", "--quiet", "HEAD"])?.status.success() {
            return Ok(());
        }
        let message = format!("--message={message}");
        let arguments: Vec<_> =
            ["commit", "--quiet", &message, "--"].into_iter().chain(paths.iter().copied()).collect();
        let committed = self.git(&arguments)?;
        if committed.status.success() { Ok(()) } else { Err(failed(&committed)) }
    }

    fn git(&self, arguments: &[&str]) -> Result<Output> {
        git::command(&self.root)
            .args(arguments)
            .output()
            .map_err(|_| Error::new("cannot run git").hint("install it, or run it without --commit"))
    }
}

/// Commits a step where that was asked for.
pub(super) fn step(commits: Option<&Commits>, message: &str) -> Result<()> {
    commits.map_or(Ok(()), |commits| commits.step(message))
}
