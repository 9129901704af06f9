//! The options of `rotate`.

use crate::base::{HostName, KeyLabel, UserName};
use clap::{ArgGroup, Args as ClapArgs};

#[derive(Debug, ClapArgs)]
#[command(group(ArgGroup::new("what").required(true).args(["user", "all_due", "status"])))]
pub(super) struct Rotate {
    /// Whose key
    pub user: Option<UserName>,
    /// Only this key of the user
    #[arg(long, value_name = "LABEL", requires = "user")]
    pub key: Option<KeyLabel>,
    /// Only on these hosts in this run; the rotation waits for the others
    #[arg(long, value_name = "HOST")]
    pub host: Vec<HostName>,
    /// Every key that is due, and every rotation that is under way
    #[arg(long)]
    pub all_due: bool,
    /// Show the rotations that are under way
    #[arg(long)]
    pub status: bool,
    /// Go back to the key of before, everywhere, and prove it
    #[arg(long, requires = "user")]
    pub abort: bool,
    /// Say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}
