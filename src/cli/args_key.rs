//! The options of `key` and `log`.

use crate::base::{KeyLabel, UserName};
use crate::cli::args_secret::selector;
use crate::keys::Options;
use crate::source::Reference;
use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(super) struct Key {
    #[command(subcommand)]
    pub command: KeyCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Add a key of a user, or change its options and hosts
    Add(KeyAdd),
    /// List the keys, those that are due first
    List {
        /// The user [default: all]
        user: Option<UserName>,
    },
    /// Remove a key of a user
    Remove {
        /// The user
        user: UserName,
        /// Which of the user's keys
        label: KeyLabel,
        /// Even if the user is then left without a key, or a rotation is under way
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(super) struct KeyAdd {
    /// The user: a login name on the hosts
    pub user: UserName,
    /// Which of the user's keys, such as laptop or phone
    pub label: KeyLabel,
    #[command(flatten)]
    pub from: KeyFrom,
    /// What sshd is to demand or forbid, such as 'from="10.0.0.0/8",no-pty'
    #[arg(long, value_name = "OPTIONS")]
    pub options: Option<Options>,
    /// Authorize it only there, of the hosts that the user has: a host's name, tag:NAME, or "*"
    #[arg(long = "host", value_name = "SELECTOR", value_parser = selector)]
    pub hosts: Vec<String>,
}

#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub(super) struct KeyFrom {
    /// Make an Ed25519 key, and keep its private half
    #[arg(long)]
    pub generate: bool,
    /// Its public half: the key, a file with it, or - for standard input
    #[arg(long, value_name = "KEY|FILE|-", allow_hyphen_values = true)]
    pub public: Option<String>,
    /// Where its private half is already: op://vault/item/field or age:NAME
    #[arg(long, value_name = "REFERENCE")]
    pub from: Option<Reference>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Log {
    /// Check that no line was changed or removed
    #[arg(long)]
    pub verify: bool,
}
