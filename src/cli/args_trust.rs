//! The options of `trust`.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(super) struct Trust {
    #[command(subcommand)]
    pub command: TrustCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum TrustCommand {
    /// Show who signs and who can read, and the fingerprint to compare
    Show,
    /// Accept what others wrote into the repository
    Accept {
        /// The fingerprint of the trust set, as another machine shows it
        fingerprint: Option<String>,
        /// Accept everything without asking
        #[arg(long)]
        all: bool,
    },
    /// Print what this machine has accepted, for a CI job's `PKEYS_PINS`
    Export,
}
