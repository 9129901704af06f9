//! Taking a bundle that was pushed: verified and opened before anything is stored, then installed.

use crate::activate::candidates::{Candidates, load, open_with};
use crate::activate::root::Root;
use crate::activate::tree::{self, failed};
use crate::activate::{Options, Outcome, Spec, Status, install};
use crate::base::{Error, Result, files};
use crate::bundle::{MANIFEST, MAX_PAYLOAD, PAYLOAD, SIGNATURE, Signers, transport};
use rustix::fs::{Mode, OFlags};
use serde::Serialize;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::Command;

/// What became of a bundle that was pushed.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Received {
    /// Whether the host has this bundle now.
    pub accepted: bool,
    /// The generation that was sent.
    pub generation: Option<u64>,
    /// The generation that the host had.
    pub previous: Option<u64>,
    /// Why it was refused.
    pub error: Option<String>,
    /// What to do about that.
    pub hint: Option<String>,
    /// What the activation did.
    pub activation: Option<Outcome>,
}

impl Received {
    /// The answer when nothing could be done.
    pub fn refused(error: &Error) -> Self {
        let (message, hint) = (error.message().to_owned(), error.next_step().map(Into::into));
        Self { error: Some(message), hint, ..Self::default() }
    }
}

/// Reads a bundle, stores it under the state directory if it counts, installs it, and restarts the units that want it.
/// An older bundle than the host has is refused, unless a rollback is allowed.
pub fn receive(spec: &Spec, root: Option<&Path>, allow_rollback: bool, mut input: impl Read) -> Received {
    let mut received = Received::default();
    if let Err(e) = run(spec, root, allow_rollback, &mut input, &mut received) {
        received = Received { generation: received.generation, previous: received.previous, ..Received::refused(&e) };
    }
    // To the end: whoever is still sending would otherwise never see the answer.
    let _ = std::io::copy(&mut input.take(2 * MAX_PAYLOAD as u64), &mut std::io::sink());
    received
}

fn run(
    spec: &Spec,
    place: Option<&Path>,
    allow_rollback: bool,
    input: impl Read,
    received: &mut Received,
) -> Result<()> {
    let (signed, payload) = transport::receive(input)?;
    let found = signed.authenticate(&spec.host, &Signers::parse(&spec.trusted_signers)?)?;
    found.check(&payload)?;
    received.generation = Some(found.manifest.generation);
    let at = spec.state_directory.join("bundle");
    if !spec.bundles.contains(&at) {
        return Err(Error::new(format!("this host does not look for bundles at {}", at.display()))
            .hint("add it to `bundles` of its spec; the NixOS module does"));
    }
    let root = Root::open(place)?;
    let state = root.directory(&spec.state_directory, true)?;
    let state = state.ok_or_else(|| Error::new("the state directory vanished"))?;
    let _lock = lock(&state, &spec.state_directory)?;
    tree::remove_unfinished(state.as_fd(), "bundle").map_err(|e| failed("write", &at, e))?;
    open_with(&payload, &found, &load(spec, &root))?;

    let Candidates { authentic: there, unreadable, .. } = Candidates::look(spec, &root);
    if let Some(e) = unreadable {
        return Err(e.context("what the host has cannot be compared"));
    }
    received.previous = there.first().map(|(_, there)| there.manifest.generation);
    if there.first().is_none_or(|(_, there)| there.manifest != found.manifest) {
        let own = there.iter().find(|(directory, _)| **directory != at).map(|(_, own)| own.manifest.generation);
        may_replace(found.manifest.generation, received.previous, own, allow_rollback)?;
        let files = [(MANIFEST, &signed.manifest[..]), (SIGNATURE, &signed.signature), (PAYLOAD, &payload)];
        tree::replace_directory(state.as_fd(), "bundle", &files).map_err(|e| failed("write", &at, e))?;
    }
    received.accepted = true;
    let options = Options { root: place.map(Into::into), ..Options::default() };
    let mut outcome = install(spec, &options);
    if outcome.generation.is_some_and(|generation| generation < found.manifest.generation) {
        outcome.problems.push("what was sent is stored, but an older bundle is in use: see what was rejected".into());
        outcome.status = Status::Degraded;
    }
    if place.is_none() {
        outcome.problems.extend(restart(&outcome));
    }
    received.activation = Some(outcome);
    Ok(())
}

/// Whether a bundle may replace what the host has; `own` is the generation of the system's own bundle.
fn may_replace(new: u64, old: Option<u64>, own: Option<u64>, allow_rollback: bool) -> Result<()> {
    let Some(old) = old.filter(|old| new <= *old) else { return Ok(()) };
    if new == old {
        return Err(Error::new(format!("the host has another bundle of generation {old}"))
            .hint("two operators rendered at once: `git pull`, then `pkeys render --force`"));
    }
    if !allow_rollback {
        return Err(Error::new(format!("the host has generation {old}, and this is the older {new}")).hint(
            "render it again: a new rendering gets a higher generation. Or --allow-rollback, which may bring back keys \
             that were revoked",
        ));
    }
    match own.filter(|own| *own >= new) {
        Some(own) => Err(Error::new(format!("the host's system has generation {own}, which would stay in use"))
            .hint("switch to an older NixOS generation, or render a new bundle")),
        None => Ok(()),
    }
}

fn lock(state: &OwnedFd, path: &Path) -> Result<OwnedFd> {
    let readable = rustix::fs::openat(state, ".", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let fd = readable.map_err(|e| failed("open", path, e))?;
    files::lock(&fd).map_err(|e| failed("lock", path, e))?;
    Ok(fd)
}

/// Asks systemd for what the changed files want. It answers when the jobs are queued, not when they are done.
fn restart(outcome: &Outcome) -> Vec<String> {
    let mut problems = Vec::new();
    for (verb, units) in [("try-restart", &outcome.restart_units), ("try-reload-or-restart", &outcome.reload_units)] {
        if units.is_empty() {
            continue;
        }
        let done = Command::new("systemctl").args(["--no-block", "--quiet", verb, "--"]).args(units).status();
        if !done.is_ok_and(|status| status.success()) {
            problems.push(format!("systemctl {verb} {} failed", units.join(" ")));
        }
    }
    problems
}
