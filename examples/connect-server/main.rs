//! A stand-in for 1Password Connect: the same calls, answers and faults, from a JSON file, in memory.
//!
//! For trying pkeys without a 1Password account, and for its tests. Nothing is written back; nothing here protects a
//! secret: use made-up values only. `README.md` beside this file tells the data format, the faults, and the guesses.

mod auth;
mod data;
mod faults;
mod filter;
mod generate;
mod item;
mod log;
mod patch;
mod reply;
mod routes;
mod rules;
mod serve;
mod store;
mod totp;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::Parser;

/// The version of Connect that this is modelled on; every answer carries it.
pub(crate) const VERSION: &str = "1.7.1";

/// A stand-in for 1Password Connect, for trying pkeys without an account. Made-up values only.
#[derive(Parser)]
#[command(name = "connect-server", version = VERSION)]
struct Arguments {
    /// The vaults, items and tokens to serve
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Allow an address that other machines can reach
    #[arg(long)]
    allow_remote: bool,
    /// Write the port to this file once listening
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
    /// The largest file that `inline_files` returns, in KiB (Connect: OP_MAX_INLINE_FILE_SIZE_KB)
    #[arg(long, value_name = "KIB", default_value_t = 100)]
    max_inline_kb: usize,
    #[command(flatten)]
    faults: faults::Settings,
}

/// What all requests share.
pub(crate) struct App {
    store: Mutex<store::Store>,
    faults: Mutex<faults::Faults>,
    log: Mutex<log::Log>,
    /// In bytes.
    max_inline: usize,
}

impl App {
    pub(crate) fn store(&self) -> MutexGuard<'_, store::Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, faults::Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, log::Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    if !arguments.listen.ip().is_loopback() && !arguments.allow_remote {
        return Err(format!(
            "{} is not a loopback address\nhint: this server protects nothing; if you mean it, add --allow-remote",
            arguments.listen
        ));
    }
    let text = std::fs::read_to_string(&arguments.data)
        .map_err(|error| format!("cannot read {}: {error}", arguments.data.display()))?;
    let store = data::load(&text).map_err(|problem| format!("{}: {problem}", arguments.data.display()))?;
    let app = Arc::new(App {
        store: Mutex::new(store),
        faults: Mutex::new(faults::Faults::new(arguments.faults)),
        log: Mutex::default(),
        max_inline: arguments.max_inline_kb * 1024,
    });
    serve::listen(app, arguments.listen, arguments.port_file.as_deref()).await
}
