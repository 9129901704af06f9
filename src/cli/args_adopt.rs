//! The command line's shape: taking over what other means keep.

use crate::base::{HostName, UserName};
use clap::{Args as ClapArgs, ValueEnum};
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

/// A tool to take over from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum From {
    /// services.onepassword-secrets
    Opnix,
    /// sops.secrets
    SopsNix,
    /// age.secrets with file
    Agenix,
    /// age.secrets with rekeyFile
    AgenixRekey,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Import {
    /// The other tool
    pub tool: From,
    /// The hosts that use the files, where these do not say so themselves
    #[arg(long = "host", value_name = "HOST")]
    pub hosts: Vec<HostName>,
    /// A key that opens the other tool's age files, beside the operator's own
    #[arg(long = "identity", value_name = "FILE")]
    pub identities: Vec<PathBuf>,
    /// Put pkeys' lines into the Nix files, in the place of the other tool's
    #[arg(long)]
    pub rewrite: bool,
    /// Show what would be done; opens no secret
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Also when there are changes that are not committed
    #[arg(long)]
    pub force: bool,
}
