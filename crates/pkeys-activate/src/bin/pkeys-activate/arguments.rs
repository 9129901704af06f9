//! The command line's shape. Parsing does nothing but validate.
#![allow(missing_docs, reason = "the help texts are the documentation")]

use clap::{Args, Parser, Subcommand, ValueEnum};
use pkeys_bundle::base::{FleetId, HostName};
use std::path::PathBuf;

/// Puts a host's secrets in place: verified, opened with the host's key, offline.
///
/// Exit status: 0 done, 1 failed and nothing changed, 2 usage, 3 authorized keys installed but no secrets,
/// 4 degraded (some secrets set apart and named).
#[derive(Parser)]
#[command(name = "pkeys-activate", version, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Install the secrets that a spec asks for
    Install(Install),
    /// Take a bundle from standard input, as a tar of its three files; store and install it
    Receive(Receive),
    /// Say what this host has, as one line of JSON: generation, files, authorized keys, units; no secret
    Report(Place),
    /// Hand standard input to a socket and its answer back: for a login that may push, be told, and nothing else
    Forward {
        /// The socket that takes bundles
        #[arg(long, value_name = "PATH", default_value = "/run/pkeys-receive.socket")]
        socket: PathBuf,
        /// The socket that reports
        #[arg(long, value_name = "PATH", default_value = "/run/pkeys-report.socket")]
        report_socket: PathBuf,
    },
    /// Make a post-quantum age identity for this host in a new file, and print its recipient
    MakeIdentity {
        /// The file, such as /var/lib/pkeys-identity/key; it must be named in `pkeys.identityPaths`
        file: PathBuf,
    },
    /// Check a spec, as the build of a NixOS system does
    CheckSpec {
        /// The spec
        spec: PathBuf,
    },
    /// Check a bundle's signature, host and digest
    Verify(Verify),
    /// List what a bundle says that it holds; verifies nothing
    List {
        /// The bundle's directory
        #[arg(long, value_name = "DIR")]
        bundle: PathBuf,
    },
}

#[derive(Args)]
pub struct Install {
    /// The spec
    #[arg(long, value_name = "FILE")]
    pub spec: PathBuf,
    /// Put every path under this directory, and mount nothing
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Which secrets
    #[arg(long, default_value = "services")]
    pub phase: When,
    /// Where NixOS's lists of units to restart and reload are
    #[arg(long, value_name = "DIR")]
    pub queue_units: Option<PathBuf>,
    /// Another key than those of the spec, such as the break-glass key; - for standard input
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Print the outcome as JSON
    #[arg(long)]
    pub json: bool,
}

/// Which machine.
#[derive(Args)]
pub struct Place {
    /// The spec
    #[arg(long, value_name = "FILE", default_value = "/etc/pkeys/spec.json")]
    pub spec: PathBuf,
    /// Put every path under this directory, and mount nothing
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

#[derive(Args)]
pub struct Receive {
    #[command(flatten)]
    pub place: Place,
    /// Take an older bundle than the host has; keys that were revoked since may come back
    #[arg(long)]
    pub allow_rollback: bool,
    /// Give up when the sender is silent for this long
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub idle_limit: u64,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum When {
    /// Those needed to make users
    Users,
    /// All others, templates and authorized keys
    Services,
}

#[derive(Args)]
pub struct Verify {
    /// The bundle's directory
    #[arg(long, value_name = "DIR")]
    pub bundle: PathBuf,
    /// The host that it must be for
    #[arg(long)]
    pub host: HostName,
    /// The fleet that it must be of; any by default
    #[arg(long)]
    pub fleet: Option<FleetId>,
    /// A trusted SSH public key; can be given several times
    #[arg(long, required = true, value_name = "KEY")]
    pub signer: Vec<String>,
}
