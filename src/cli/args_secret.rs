//! The options of `secret`.

use crate::base::SecretName;
use clap::{Args as ClapArgs, Subcommand};
use std::num::NonZeroU16;

#[derive(Debug, ClapArgs)]
pub(super) struct Secret {
    #[command(subcommand)]
    pub command: SecretCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum SecretCommand {
    /// Set a secret, from standard input or a prompt without echo
    Set(SecretSet),
    /// Edit a secret in $VISUAL or $EDITOR, in memory only
    Edit {
        /// The secret
        name: SecretName,
    },
    /// Print a secret
    Show {
        /// The secret
        name: SecretName,
    },
    /// Make a random secret
    Generate(SecretGenerate),
    /// List the secrets of pkeys.toml
    List,
    /// Remove a local secret
    Rm {
        /// The secret
        name: SecretName,
    },
    /// Encrypt all local secrets anew, after operators or break-glass recipients changed
    Rekey,
}

#[derive(Debug, ClapArgs)]
pub(super) struct SecretSet {
    /// The secret
    pub name: SecretName,
    /// Who gets it: a host's name, tag:NAME, or "*"
    #[arg(long = "host", value_name = "SELECTOR", value_parser = selector)]
    pub hosts: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct SecretGenerate {
    #[command(flatten)]
    pub set: SecretSet,
    /// Letters and digits
    #[arg(long, value_name = "N", default_value = "32")]
    pub length: NonZeroU16,
    /// Random bytes
    #[arg(long, value_name = "N", conflicts_with = "length")]
    pub bytes: Option<NonZeroU16>,
    /// Words of the BIP 39 list, joined by '-'
    #[arg(long, value_name = "N", conflicts_with_all = ["length", "bytes"])]
    pub words: Option<NonZeroU16>,
    /// Replace a value that is there
    #[arg(long)]
    pub force: bool,
}

/// A host selector, as it was written.
pub(super) fn selector(text: &str) -> Result<String, crate::base::Error> {
    crate::manifest::Selector::try_from(text.to_owned()).map(|selector| selector.to_string())
}
