//! The host's program: verifies a bundle, opens it, and puts every secret in place. Needs no network.
//!
//! Prints one line for each fact to standard output and what is wrong to standard error; with `--json`, one object.
#![deny(clippy::disallowed_methods)]

use clap::{Args, Parser, Subcommand, ValueEnum};
use pkeys::activate::{Options, Outcome, Phase, Received, Spec, Status, given, install, receive};
use pkeys::base::{Error, HostName, Result, files};
use pkeys::bundle::{Manifest, Signed, Signers};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

/// Every freed buffer is wiped, those of libraries too.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// Prints a line. That nobody reads it, or that the disk of a log is full, must not change what was done.
macro_rules! say {
    ($($text:tt)*) => { drop(writeln!(std::io::stdout(), $($text)*)) };
}

/// The same to standard error.
macro_rules! complain {
    ($($text:tt)*) => { drop(writeln!(std::io::stderr(), $($text)*)) };
}

/// How many names one line shows.
const SHOWN: usize = 20;

const MAX_SPEC: usize = 64 * 1024 * 1024;

/// Puts a host's secrets in place: verified, opened with the host's key, offline.
///
/// Exit status: 0 done, 1 failed and nothing changed, 2 usage, 3 authorized keys installed but no secrets,
/// 4 degraded (some secrets set apart and named).
#[derive(Parser)]
#[command(name = "pkeys-activate", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install the secrets that a spec asks for
    Install(Install),
    /// Take a bundle from standard input, as a tar of its three files; store and install it
    Receive(Receive),
    /// Hand standard input to a socket and its answer back: for a login that may push and nothing else
    Forward {
        /// The socket
        #[arg(long, value_name = "PATH", default_value = "/run/pkeys-receive.socket")]
        socket: PathBuf,
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
struct Install {
    /// The spec
    #[arg(long, value_name = "FILE")]
    spec: PathBuf,
    /// Put every path under this directory, and mount nothing
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Which secrets
    #[arg(long, default_value = "services")]
    phase: When,
    /// Where NixOS's lists of units to restart and reload are
    #[arg(long, value_name = "DIR")]
    queue_units: Option<PathBuf>,
    /// Another key than those of the spec, such as the break-glass key; - for standard input
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Receive {
    /// The spec
    #[arg(long, value_name = "FILE", default_value = "/etc/pkeys/spec.json")]
    spec: PathBuf,
    /// Put every path under this directory, and mount nothing
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Take an older bundle than the host has; keys that were revoked since may come back
    #[arg(long)]
    allow_rollback: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum When {
    /// Those needed to make users
    Users,
    /// All others, templates and authorized keys
    Services,
}

#[derive(Args)]
struct Verify {
    /// The bundle's directory
    #[arg(long, value_name = "DIR")]
    bundle: PathBuf,
    /// The host that it must be for
    #[arg(long)]
    host: HostName,
    /// A trusted SSH public key; can be given several times
    #[arg(long, required = true, value_name = "KEY")]
    signer: Vec<String>,
}

fn main() -> ExitCode {
    pkeys::base::process::harden();
    // Directories that are made on the way to a path are 0755, whatever the caller's mask.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let result = match Arguments::parse().command {
        Command::Install(arguments) => run_install(&arguments),
        Command::Receive(arguments) => run_receive(&arguments),
        Command::Forward { socket } => forward(&socket),
        Command::CheckSpec { spec } => read_spec(&spec).map(|_| 0),
        Command::Verify(arguments) => verify(&arguments),
        Command::List { bundle } => list(&bundle),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            complain!("error: {e}");
            if let Some(hint) = e.next_step() {
                complain!("hint: {hint}");
            }
            ExitCode::FAILURE
        }
    }
}

fn read_spec(path: &Path) -> Result<Spec> {
    let bytes =
        files::read(path, MAX_SPEC)?.ok_or_else(|| Error::new(format!("there is no spec at {}", path.display())))?;
    Spec::parse(&bytes).map_err(|e| e.context(path.display()))
}

fn run_install(arguments: &Install) -> Result<u8> {
    let spec = match read_spec(&arguments.spec) {
        Ok(spec) => spec,
        Err(e) if arguments.json => return print_json(&Outcome::failed(&e)),
        Err(e) => return Err(e),
    };
    let options = Options {
        root: arguments.root.clone(),
        dry_run: arguments.dry_run,
        phase: match arguments.phase {
            When::Users => Phase::Users,
            When::Services => Phase::Services,
        },
        queue_units: arguments.queue_units.clone(),
        identities: Rc::new(arguments.identity.as_deref().map_or(Ok(Vec::new()), given)?),
    };
    let outcome = install(&spec, &options);
    if arguments.json {
        return print_json(&outcome);
    }
    print(&outcome, arguments.dry_run);
    Ok(outcome.status.code())
}

/// Answers with one line of JSON, whatever happens; what concerns the host's own log goes to standard error.
fn run_receive(arguments: &Receive) -> Result<u8> {
    let received = match read_spec(&arguments.spec) {
        Ok(spec) => receive(&spec, arguments.root.as_deref(), arguments.allow_rollback, std::io::stdin().lock()),
        Err(e) => Received::refused(&e),
    };
    let show = |generation: Option<u64>| generation.map_or_else(|| "none".into(), |g| g.to_string());
    let (new, old) = (show(received.generation), show(received.previous));
    match &received.error {
        Some(error) => complain!("refused a pushed bundle of generation {new}: {error}"),
        None if received.generation < received.previous => {
            complain!("rolled back from generation {old} to {new}, as asked")
        }
        None => complain!("took a pushed bundle of generation {new}; the one before was {old}"),
    }
    let code = received.activation.as_ref().map_or(1, |outcome| outcome.status.code());
    say!("{}", serde_json::to_string(&received).map_err(|_| Error::new("the answer cannot be printed"))?);
    Ok(code)
}

fn forward(socket: &Path) -> Result<u8> {
    let failed = |doing: &'static str| move |e: std::io::Error| Error::io(doing, socket, &e);
    let mut stream = std::os::unix::net::UnixStream::connect(socket).map_err(failed("connect to"))?;
    std::io::copy(&mut std::io::stdin().lock(), &mut stream).map_err(failed("write to"))?;
    stream.shutdown(std::net::Shutdown::Write).map_err(failed("write to"))?;
    std::io::copy(&mut stream, &mut std::io::stdout().lock()).map_err(failed("read from"))?;
    Ok(0)
}

fn print_json(outcome: &Outcome) -> Result<u8> {
    say!("{}", serde_json::to_string(outcome).map_err(|_| Error::new("the outcome cannot be printed"))?);
    Ok(outcome.status.code())
}

fn print(outcome: &Outcome, dry_run: bool) {
    outcome.rejected.iter().for_each(|line| complain!("rejected: {line}"));
    outcome.problems.iter().for_each(|line| complain!("problem: {line}"));
    outcome.notes.iter().for_each(|line| complain!("note: {line}"));
    let would = if dry_run { "would " } else { "" };
    for (word, names) in [("add", &outcome.added), ("change", &outcome.changed), ("remove", &outcome.removed)] {
        if !names.is_empty() {
            let more = names.len().saturating_sub(SHOWN);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            say!("{would}{word}: {}{more}", names[..names.len().min(SHOWN)].join(" "));
        }
    }
    for (word, units) in [("restart", &outcome.restart_units), ("reload", &outcome.reload_units)] {
        if !units.is_empty() {
            say!("{would}{word}: {}", units.join(" "));
        }
    }
    let users = count(outcome.users, "user");
    let counts =
        [count(outcome.secrets, "secret"), count(outcome.templates, "template"), format!("authorized keys of {users}")];
    let shown = [true, outcome.templates > 0, outcome.users > 0];
    let counts: Vec<_> = counts.iter().zip(shown).filter(|(_, shown)| *shown).map(|(text, _)| text.as_str()).collect();
    let counts = counts.join(", ");
    let from = match (&outcome.bundle, outcome.generation) {
        (Some(bundle), Some(generation)) => format!("generation {generation} of {bundle}: {counts}"),
        _ => counts,
    };
    let done = if dry_run { "would install" } else { "installed" };
    match outcome.status {
        Status::Done => say!("{done} {from}"),
        Status::Degraded => say!("{done}, with {} set apart: {from}", outcome.problems.len()),
        Status::KeysOnly => {
            say!("{done} only authorized keys, of {users}; secrets are those of before");
        }
        Status::Failed => say!("failed: nothing was changed"),
    }
}

/// "1 secret", "2 secrets"
fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn verify(arguments: &Verify) -> Result<u8> {
    let signers = Signers::parse(&arguments.signer)?;
    let good = read(&arguments.bundle)?.verify(&arguments.bundle, &arguments.host, &signers)?;
    say!("valid: generation {} of {}, signed by {}", good.manifest.generation, good.manifest.host, good.signer);
    Ok(0)
}

fn list(bundle: &Path) -> Result<u8> {
    let manifest = Manifest::parse(&read(bundle)?.manifest)?;
    say!("{} generation {} of {} (not verified)", manifest.host, manifest.generation, manifest.created);
    for secret in &manifest.secrets {
        say!("{}\t{}\t{}", secret.name, secret.reference, secret.version);
    }
    Ok(0)
}

fn read(bundle: &Path) -> Result<Signed> {
    Signed::read(bundle)?.ok_or_else(|| Error::new(format!("there is no bundle at {}", bundle.display())))
}
