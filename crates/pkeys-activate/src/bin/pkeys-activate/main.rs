//! The host's program: verifies a bundle, opens it, and puts every secret in place. Needs no network.
//!
//! Prints one line for each fact to standard output and what is wrong to standard error; with `--json`, one object.
#![deny(clippy::disallowed_methods)]

use arguments::{Arguments, Command, Install, Place, Receive, Verify, When};
use clap::Parser;
use pkeys_activate::{Asked, IdleLimit, Options, Phase, Spec};
use pkeys_activate::{confine, failed, given, install, only_read, prepare, receive, report};
use pkeys_bundle::base::{Error, Result, files, process};
use pkeys_bundle::wire::{Outcome, Received};
use pkeys_bundle::{Manifest, Signed, Signers};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

/// Every freed buffer is wiped, those of libraries too.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

mod arguments;
mod forward;
mod print;
mod terminal;

use forward::forward;
use print::{print, print_json};
use terminal::{complain, explain, say};

const MAX_SPEC: usize = 64 * 1024 * 1024;

fn main() -> ExitCode {
    process::harden();
    process::lock_memory();
    // Directories that are made on the way to a path are 0755, whatever the caller's mask.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    process::wiping(run)
}

fn run() -> ExitCode {
    let command = match Arguments::try_parse() {
        Ok(arguments) => arguments.command,
        Err(e) => return ExitCode::from(explain(e)),
    };
    // Of the others, those that work on a spec confine themselves when they know it.
    if matches!(
        command,
        Command::Forward { .. } | Command::CheckSpec { .. } | Command::Verify(_) | Command::List { .. }
    ) {
        only_read();
    }
    let result = match command {
        Command::Install(arguments) => run_install(&arguments),
        Command::Receive(arguments) => run_receive(&arguments),
        Command::Report(place) => run_report(&place),
        Command::Forward { socket, report_socket } => forward(&socket, &report_socket),
        Command::MakeIdentity { file } => make_identity(&file),
        Command::CheckSpec { spec } => read_spec(&spec).map(|_| 0),
        Command::Verify(arguments) => verify(&arguments),
        Command::List { bundle } => list(&bundle),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            complain(&format!("error: {e}"));
            if let Some(hint) = e.next_step() {
                complain(&format!("hint: {hint}"));
            }
            ExitCode::FAILURE
        }
    }
}

/// The private key never leaves the host.
fn make_identity(path: &Path) -> Result<u8> {
    say(&pkeys_activate::make_identity(path)?);
    Ok(0)
}

fn read_spec(path: &Path) -> Result<Spec> {
    let bytes =
        files::read(path, MAX_SPEC)?.ok_or_else(|| Error::new(format!("there is no spec at {}", path.display())))?;
    Spec::parse(&bytes).map_err(|e| e.context(path.display()))
}

/// Gives up what the rest does not need. A host without Landlock gets its secrets all the same, and says so.
fn confined(spec: &Spec, options: &Options, changes: bool) {
    // What cannot be mounted is said by the installation, if it comes to that.
    let _ = if changes { prepare(options) } else { Ok(()) };
    match confine(spec, options, changes) {
        Ok(true) => {}
        Ok(false) => complain("note: not confined beyond its unit: this kernel has no Landlock"),
        Err(e) => complain(&format!("note: not confined beyond its unit: {e}")),
    }
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
    confined(&spec, &options, !options.dry_run);
    let outcome = install(&spec, &options);
    if arguments.json {
        return print_json(&outcome);
    }
    print(&outcome, arguments.dry_run);
    Ok(outcome.status.code())
}

/// Answers with one line of JSON, whatever happens; what concerns the host's own log goes to standard error.
///
/// As the forced command of a login it also reports, if that was asked for.
fn run_receive(arguments: &Receive) -> Result<u8> {
    let place = &arguments.place;
    let idle = Duration::from_secs(arguments.idle_limit);
    let received = match asked() {
        Ok(Asked::Report) => return run_report(place),
        Ok(Asked::Receive) => read_spec(&place.spec).map_or_else(
            |e| Received::refused(&e),
            |spec| {
                confined(&spec, &Options { root: place.root.clone(), ..Options::default() }, true);
                receive(&spec, place.root.as_deref(), arguments.allow_rollback, IdleLimit::new(Unbuffered, idle))
            },
        ),
        Err(e) => Received::refused(&e),
    };
    let show = |generation: Option<u64>| generation.map_or_else(|| "none".into(), |g| g.to_string());
    let (new, old) = (show(received.generation), show(received.previous));
    match &received.error {
        Some(error) => complain(&format!("refused a pushed bundle of generation {new}: {error}")),
        None if received.generation < received.previous => {
            complain(&format!("rolled back from generation {old} to {new}, as asked"))
        }
        None => complain(&format!("took a pushed bundle of generation {new}; the one before was {old}")),
    }
    let code = received.activation.as_ref().map_or(1, |outcome| outcome.status.code());
    say(&serde_json::to_string(&received).map_err(|_| Error::new("the answer cannot be printed"))?);
    Ok(code)
}

/// Answers with one line of JSON. That something is wrong on the host is in it, and is no failure of the report.
fn run_report(place: &Place) -> Result<u8> {
    let told = match read_spec(&place.spec) {
        Ok(spec) => {
            confined(&spec, &Options { root: place.root.clone(), ..Options::default() }, false);
            report(&spec, place.root.as_deref())
        }
        Err(e) => failed(&e),
    };
    say(&serde_json::to_string(&told).map_err(|_| Error::new("the report cannot be printed"))?);
    Ok(u8::from(told.error.is_some()))
}

/// What the other side of a login with a forced command asked for.
fn asked() -> Result<Asked> {
    let command = std::env::var_os("SSH_ORIGINAL_COMMAND");
    Asked::of(command.as_deref().map(|command| command.to_str().unwrap_or_default()))
}

/// Standard input without Rust's buffer, so that it can be waited for.
struct Unbuffered;

impl Read for Unbuffered {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| rustix::io::read(std::io::stdin(), &mut *buffer))?)
    }
}

impl AsFd for Unbuffered {
    fn as_fd(&self) -> BorrowedFd<'_> {
        rustix::stdio::stdin()
    }
}

fn verify(arguments: &Verify) -> Result<u8> {
    let signers = Signers::parse(&arguments.signer)?;
    let good = read(&arguments.bundle)?;
    let good = good.verify(&arguments.bundle, &arguments.host, arguments.fleet.as_ref(), &signers)?;
    say(&format!(
        "valid: generation {} of {}, signed by {}",
        good.manifest.generation, good.manifest.host, good.signer
    ));
    Ok(0)
}

fn list(bundle: &Path) -> Result<u8> {
    let manifest = Manifest::parse(&read(bundle)?.manifest)?;
    say(&format!("{} generation {} of {} (not verified)", manifest.host, manifest.generation, manifest.created));
    for secret in &manifest.secrets {
        say(&format!("{}\t{}\t{}", secret.name, secret.reference, secret.version));
    }
    Ok(0)
}

fn read(bundle: &Path) -> Result<Signed> {
    Signed::read(bundle)?.ok_or_else(|| Error::new(format!("there is no bundle at {}", bundle.display())))
}
