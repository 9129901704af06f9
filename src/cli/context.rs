//! What every command needs: the terminal, the repository, the operator's keys.

use crate::base::Result;
use crate::base::lock::Lock;
use crate::cli::args::Args;
use crate::cli::ui::Ui;
use crate::grants;
use crate::manifest::Repository;
use crate::operator::{Config, Keys, Prompt, Terminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Built from the options; opens nothing by itself.
pub(super) struct Context {
    pub(super) ui: Ui,
    pub(super) prompt: Arc<dyn Prompt>,
    repo: Option<PathBuf>,
    remember: bool,
}

impl Context {
    pub(super) fn new(args: &Args) -> Self {
        let ui = Ui::new(args.quiet, args.verbose, args.json, args.color);
        Self { ui, prompt: Arc::new(Terminal), repo: args.repo.clone(), remember: args.remember }
    }

    /// Where `init` makes a repository, and `scan` looks for one.
    pub(super) fn place(&self) -> &Path {
        self.repo.as_deref().unwrap_or(Path::new("."))
    }

    /// The repository, to read.
    pub(super) fn repository(&self) -> Result<Repository> {
        let repository = match &self.repo {
            Some(root) => Repository::open(root),
            None => Repository::find(Path::new(".")),
        }?;
        grants::look(&repository)?;
        Ok(repository)
    }

    /// The repository, to change: waits until no other pkeys changes it.
    pub(super) fn locked_repository(&self) -> Result<Repository> {
        self.lock(self.repository()?)
    }

    /// A repository that was read, to change.
    pub(super) fn lock(&self, repository: Repository) -> Result<Repository> {
        repository.lock(&|pid| self.waiting(pid))
    }

    /// Another directory, to change.
    pub(super) fn lock_directory(&self, directory: &Path) -> Result<Lock> {
        Lock::acquire(directory, &|pid| self.waiting(pid))
    }

    fn waiting(&self, pid: Option<u32>) {
        let other = pid.map_or("another pkeys".into(), |pid| format!("another pkeys (pid {pid})"));
        self.ui.warn(&format!("waiting for {other} to finish"));
    }

    /// Whether passphrases are to be remembered.
    pub(super) fn remember(&self) -> bool {
        self.remember
    }

    /// The operator's keys; opened when first needed.
    pub(super) fn keys(&self) -> Result<Keys> {
        Ok(Keys::new(Config::load()?, self.prompt.clone(), self.remember))
    }
}
