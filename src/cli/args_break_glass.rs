//! The options of `break-glass`.

use crate::base::{Error, FleetId, HostName, SecretName, UserName};
use crate::break_glass::parse_signer;
use crate::bundle::Recipient;
use clap::{ArgGroup, Args as ClapArgs, Subcommand};
use std::path::PathBuf;
use std::str::FromStr;

#[derive(Debug, ClapArgs)]
pub(super) struct BreakGlass {
    #[command(subcommand)]
    pub command: BreakGlassCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum BreakGlassCommand {
    /// Make the key that opens everything, on paper or behind a passphrase
    Init(BreakGlassNew),
    /// Write what no bundle has (users' keys, host keys) to a file for break-glass, if it changed
    Escrow,
    /// Prove that the key opens everything, as it is now, without a network
    Drill(BreakGlassKey),
    /// List, print or export what the key opens; needs nothing but this repository
    Open(BreakGlassOpen),
    /// Seal the bundle of a host that lost its key to a new one
    Reseal(BreakGlassReseal),
    /// Print the sheet of a key, or the pages of shares, again
    Sheet(BreakGlassSheet),
    /// Replace the key, after it was used or may be known
    Rotate(BreakGlassNew),
}

/// How the break-glass key is given.
#[derive(Debug, ClapArgs)]
pub(super) struct BreakGlassKey {
    /// A file with the key, its lines or shares; - for standard input [default: ask, without echo]
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// The break-glass signer of the sheet, SHA256:…, as its lines S1 and S2 have it [default: as typed, or as accepted here]
    #[arg(long, value_name = "FINGERPRINT", value_parser = parse_signer)]
    pub sheet_signer: Option<String>,
    /// The fleet id of the sheet, as its line F has it [default: as typed, or as accepted here]
    #[arg(long, value_name = "ID")]
    pub fleet: Option<FleetId>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct BreakGlassReseal {
    /// The host
    pub host: HostName,
    /// Its new SSH host key, or another recipient
    #[arg(long, value_name = "KEY")]
    pub recipient: Recipient,
    /// Do not ask; logins that neither the old bundle nor this machine has accepted are left out
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub key: BreakGlassKey,
}

/// Where pages are written, and what they say.
#[derive(Debug, ClapArgs)]
pub(super) struct BreakGlassPages {
    /// Write the pages to print to this new directory, in memory [default: one in memory, unless --output]
    #[arg(long, value_name = "DIR")]
    pub sheets: Option<PathBuf>,
    /// Write the pages to a disk too: the key would stay there
    #[arg(long, requires = "sheets")]
    pub on_disk: bool,
    /// What the pages say that the key is for [default: the repository's directory]
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct BreakGlassSheet {
    #[command(flatten)]
    pub pages: BreakGlassPages,
    #[command(flatten)]
    pub key: BreakGlassKey,
}

#[derive(Debug, ClapArgs)]
pub(super) struct BreakGlassNew {
    /// Split the key: any K of N holders open it, such as 3-of-5
    #[arg(long, value_name = "K-of-N")]
    pub shares: Option<Shares>,
    /// Make a post-quantum key (ML-KEM-768 with X25519); hosts and operators must have such recipients too [default: as the
    /// key before it]
    #[arg(long)]
    pub post_quantum: bool,
    /// Write the key to this file, behind a passphrase
    #[arg(long, value_name = "FILE", conflicts_with = "shares")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub pages: BreakGlassPages,
    /// Do not ask whether the pages are printed
    #[arg(short, long)]
    pub yes: bool,
}

/// `3-of-5`
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    pub needed: u8,
    pub count: u8,
}

impl FromStr for Shares {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = text.split_once("-of-").and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        parts.map(|(needed, count)| Self { needed, count }).ok_or_else(|| Error::new("write it as 3-of-5"))
    }
}

#[derive(Debug, ClapArgs)]
#[command(group(ArgGroup::new("how").args(["secret", "to", "ssh"])))]
pub(super) struct BreakGlassOpen {
    /// A host's bundle [default: local secrets and the escrow]
    #[arg(conflicts_with = "ssh")]
    pub host: Option<HostName>,
    /// Print this secret, or this key of the escrow
    #[arg(long, value_name = "NAME")]
    pub secret: Option<SecretName>,
    /// Write all of them as files into this new directory, in memory
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// A shell with this user's SSH keys in an agent
    #[arg(long, value_name = "USER")]
    pub ssh: Option<UserName>,
    #[command(flatten)]
    pub key: BreakGlassKey,
}
