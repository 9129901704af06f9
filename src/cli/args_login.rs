//! The options of `login` and `logout`.

use clap::Args as ClapArgs;
use std::path::PathBuf;

#[derive(Debug, ClapArgs)]
pub(super) struct Server {
    /// The source in pkeys.toml, where there are several
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// The Connect server [default: the source's url, or OP_CONNECT_HOST]
    #[arg(long)]
    pub url: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Login {
    #[command(flatten)]
    pub server: Server,
    /// Trust the CA certificates in this PEM file for the server
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Logout {
    #[command(flatten)]
    pub server: Server,
    /// Remove everything that pkeys stored: all tokens and passphrases
    #[arg(long, conflicts_with_all = ["source", "url"])]
    pub all: bool,
}
