//! The options of `scan`.

use clap::Args as ClapArgs;
use std::path::PathBuf;

#[derive(Debug, ClapArgs)]
pub(super) struct Scan {
    /// Look at this file or folder of a git repository only [default: the whole repository that this directory is in]
    pub path: Option<PathBuf>,
    /// Look at every version of every file, on every branch, tag, remote and stash
    #[arg(long)]
    pub history: bool,
}
