//! The options of `rotate`.

use crate::base::{HostName, KeyLabel, SecretName, UserName};
use clap::{ArgGroup, Args as ClapArgs};
use std::path::PathBuf;

#[derive(Debug, ClapArgs)]
#[command(
    group(ArgGroup::new("what").required(true).args(["user", "all_due", "status", "purge", "secret", "host"]).multiple(true)),
    group(ArgGroup::new("whole").args(["all_due", "status", "purge", "secret"]).conflicts_with_all(["user", "host"])),
)]
pub(super) struct Rotate {
    /// Whose key
    pub user: Option<UserName>,
    /// Only this key of the user
    #[arg(long, value_name = "LABEL", requires = "user")]
    pub key: Option<KeyLabel>,
    /// Without a user: a new SSH host key for this host. With one: only on these hosts in this run; the rotation waits
    /// for the others
    #[arg(long, value_name = "HOST")]
    pub host: Vec<HostName>,
    /// A new value for this secret, by its `generate` in pkeys.toml, on every host that gets it
    #[arg(long, value_name = "NAME")]
    pub secret: Vec<SecretName>,
    /// Every key that is due, and every rotation that is under way
    #[arg(long)]
    pub all_due: bool,
    /// Show the rotations that are under way
    #[arg(long)]
    pub status: bool,
    /// Delete the old private halves whose 30 days are over
    #[arg(long)]
    pub purge: bool,
    /// The key was stolen: first take it off every host that can be reached without it
    #[arg(long, requires = "user", conflicts_with_all = ["abort", "host"])]
    pub emergency: bool,
    /// Go back to the key of before, everywhere, and prove it
    #[arg(long, requires = "user")]
    pub abort: bool,
    /// Put a new SSH host key into this file of known hosts, in place of the old one
    #[arg(long, value_name = "FILE", requires = "host", conflicts_with = "user")]
    pub known_hosts: Option<PathBuf>,
    /// Make a git commit of each finished step
    #[arg(long)]
    pub commit: bool,
    /// Say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}
