//! The command line's shape: taking over what other means keep.

use crate::base::{HostName, UserName};
use clap::Args as ClapArgs;
use std::path::PathBuf;

#[derive(Debug, ClapArgs)]
pub(super) struct Adopt {
    /// Nix files, or directories with them [default: all of the repository]
    pub paths: Vec<PathBuf>,
    /// The hosts that use these files, where the files do not say so themselves
    #[arg(long = "host", value_name = "HOST")]
    pub hosts: Vec<HostName>,
    /// The user whose keys these are, where the name is computed: users.users.${name}
    #[arg(long, value_name = "USER")]
    pub user: Option<UserName>,
    /// Show what would be changed
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Also when there are changes that are not committed
    #[arg(long)]
    pub force: bool,
}
