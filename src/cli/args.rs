//! The command line's shape. Parsing does nothing but validate.

use crate::base::{HostName, OperatorName};
use crate::bundle::Recipient;
pub(super) use crate::cli::args_adopt::{Adopt, From as ImportFrom, Import};
pub(super) use crate::cli::args_break_glass::{
    BreakGlass, BreakGlassCommand, BreakGlassKey, BreakGlassNew, BreakGlassOpen, BreakGlassPages, BreakGlassReseal,
    BreakGlassSheet,
};
pub(super) use crate::cli::args_key::{Key, KeyAdd, KeyCommand, Log};
pub(super) use crate::cli::args_login::{Login, Logout, Server};
pub(super) use crate::cli::args_policy::{Policy, PolicyCommand};
pub(super) use crate::cli::args_rotate::Rotate;
pub(super) use crate::cli::args_scan::Scan;
pub(super) use crate::cli::args_secret::{Secret, SecretCommand, SecretGenerate, SecretSet};
pub(super) use crate::cli::args_trust::{Trust, TrustCommand};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Secrets and SSH keys for NixOS hosts: sealed and signed here, opened at boot with no network.
#[derive(Debug, Parser)]
#[command(name = "pkeys", version, propagate_version = true, max_term_width = 100)]
pub(super) struct Args {
    /// The repository with pkeys.toml [default: this directory or one above it]
    #[arg(long, global = true, value_name = "DIR", env = "PKEYS_REPO")]
    pub repo: Option<PathBuf>,
    /// Print results as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Print results and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Remember passphrases in the OS keyring
    #[arg(long, global = true)]
    pub remember: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a repository usable: pkeys.toml, an age identity and a signing key
    Init(Init),
    /// Store the 1Password Connect token in the OS keyring
    Login(Login),
    /// Remove the token from the OS keyring
    Logout(Logout),
    /// Add, check, list and remove hosts
    Host(Host),
    /// Keep secrets in local age files
    Secret(Secret),
    /// Add, list and remove the users' SSH keys
    Key(Key),
    /// Seal and sign the bundles of hosts whose inputs changed
    Render(Render),
    /// Replace users' SSH keys, host keys and generated secrets, without ever locking anyone out
    Rotate(Rotate),
    /// The key that opens everything, on the worst day
    BreakGlass(BreakGlass),
    /// Send rendered bundles to their hosts over ssh
    Push(Push),
    /// Check bundles without decrypting them
    Verify(Verify),
    /// Show where each host stands, reading no secret
    Status,
    /// Find mistakes in pkeys.toml and keys.toml, and what the policies deny
    Check,
    /// Take over SSH keys that stand in Nix files
    Adopt(Adopt),
    /// Take over the secrets of OpNix, sops-nix, agenix or agenix-rekey
    Import(Import),
    /// The rules that say who may get what, and how healthy keys must be
    Policy(Policy),
    /// Find secrets that should not be in git, in the files and in all of history
    Scan(Scan),
    /// Show and accept who signs, who can read, and what others have granted
    Trust(Trust),
    /// Show who changed what, and when
    Log(Log),
    /// Show the main job, end to end, in a directory that is removed again
    Demo(Demo),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Init {
    /// The operator's name in pkeys.toml [default: the login name]
    #[arg(long)]
    pub name: Option<OperatorName>,
    /// Use this existing age or SSH key to open local secrets
    #[arg(long, value_name = "PATH")]
    pub identity: Option<PathBuf>,
    /// Use this existing SSH key to sign bundles
    #[arg(long, value_name = "PATH")]
    pub signing_key: Option<PathBuf>,
    /// Make a post-quantum age key (ML-KEM-768 with X25519) that takes the place of the one that there is
    #[arg(long, conflicts_with = "identity")]
    pub post_quantum: bool,
    /// Make keys without a passphrase
    #[arg(long)]
    pub no_passphrase: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Host {
    #[command(subcommand)]
    pub command: HostCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum HostCommand {
    /// Add a host, or change one
    Add(HostAdd),
    /// Write the host key that pkeys made for a host, for `nixos-anywhere --extra-files`
    ExtraFiles {
        /// The host
        name: HostName,
        /// A directory in memory, such as one under /dev/shm; it is made
        dir: PathBuf,
        /// Where the host looks for its key
        #[arg(long, value_name = "PATH", default_value = "/etc/ssh/ssh_host_ed25519_key")]
        key_path: PathBuf,
        /// Write the private key to a disk too
        #[arg(long)]
        on_disk: bool,
    },
    /// See whether hosts really have what the repository says; changes nothing
    Check(HostCheck),
    /// List what a host could read, and how to take it back; changes nothing
    Compromised {
        /// The host
        name: HostName,
    },
    /// List the hosts
    List,
    /// Remove a host and its bundle
    Remove {
        /// The host
        name: HostName,
    },
}

#[derive(Debug, ClapArgs)]
pub(super) struct HostCheck {
    /// The hosts [default: all]
    #[arg(value_name = "HOST")]
    pub hosts: Vec<HostName>,
    /// How many hosts at once
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub jobs: usize,
    /// Log in with the users' keys that pkeys holds, too: those authorized must work, those replaced be refused
    #[arg(long)]
    pub logins: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct HostAdd {
    /// The host's name: its networking.hostName
    pub name: HostName,
    /// Who opens its bundle: its SSH host key or an age public key
    #[arg(long, value_name = "KEY", conflicts_with = "scan")]
    pub recipient: Vec<Recipient>,
    /// Ask the running host for its SSH host key
    #[arg(long, value_name = "ADDRESS")]
    pub scan: Option<String>,
    /// Make its SSH host key here, for a host that is yet to be installed
    #[arg(long, conflicts_with_all = ["recipient", "scan"])]
    pub generate: bool,
    /// Take the scanned key without asking if it has this fingerprint (SHA256:…)
    #[arg(long, requires = "scan", value_name = "SHA256")]
    pub fingerprint: Option<String>,
    /// What ssh calls the host, such as root@web.example.org
    #[arg(long)]
    pub address: Option<String>,
    /// A tag to select it by
    #[arg(long)]
    pub tag: Vec<HostName>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Render {
    /// The hosts [default: all]
    #[arg(value_name = "HOST")]
    pub hosts: Vec<HostName>,
    /// Accept what others have granted, without asking
    #[arg(long, conflicts_with = "dry_run")]
    pub accept: bool,
    /// Also render hosts in which nothing changed
    #[arg(long)]
    pub force: bool,
    /// Say what would be rendered
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Push {
    /// The hosts [default: all]
    pub hosts: Vec<HostName>,
    /// How many hosts at once
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub jobs: usize,
    /// Let hosts go back to an older generation; keys that were revoked since may come back
    #[arg(long)]
    pub allow_rollback: bool,
    /// Replace a bundle that this clone does not know; what somebody else has deployed is lost
    #[arg(long)]
    pub overwrite: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Verify {
    /// The hosts [default: all]
    #[arg(value_name = "HOST")]
    pub hosts: Vec<HostName>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Demo {
    /// Keep everything in this new directory
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}
