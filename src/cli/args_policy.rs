//! The options of `policy`.

use crate::base::{HostName, SecretName};
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

#[derive(Debug, ClapArgs)]
pub(super) struct Policy {
    #[command(subcommand)]
    pub command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Find mistakes in policies
    Check,
    /// Run the cases of policies/tests/*.toml
    Test,
    /// Say why a host gets a secret, or does not
    Explain {
        /// The host
        host: HostName,
        /// The secret
        secret: SecretName,
    },
    /// Show which host gets which secret
    Matrix {
        /// Write a page to look at, with search, that works offline
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
}
