//! Taking a bundle that was pushed: verified and opened before anything is stored, then installed.

use crate::candidates::{Candidate, Candidates, format_1_is_over, load, open_with};
use crate::install::install_locked;
use crate::lock::{Lock, PATIENCE};
use crate::root::Root;
use crate::tree::{self, failed};
use crate::{Options, Spec};
use pkeys_bundle::base::{Error, Result};
use pkeys_bundle::wire::{Outcome, Received, Status};
use pkeys_bundle::{MANIFEST, MAX_PAYLOAD, Manifest, PAYLOAD, SIGNATURE, Signers, transport};
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};

/// Reads a bundle, stores it under the state directory if it may be installed here, installs it, and restarts the units
/// that want it. An older bundle than the host has is refused, unless a rollback is allowed; so is any bundle whose sender
/// saw another one on the host.
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
    let at = spec.pushed();
    let signers = Signers::parse(&spec.trusted_signers)?;
    let mut found = None;
    let sent = transport::receive_checked(input, |signed| {
        let authentic = signed.authenticate(&spec.host, spec.fleet.as_ref(), &signers)?;
        received.generation = Some(authentic.manifest.generation);
        if !spec.bundles.contains(&at) {
            return Err(Error::new(format!("this host does not look for bundles at {}", at.display()))
                .hint("add it to `bundles` of its spec; the NixOS module does"));
        }
        let size = authentic.manifest.payload.size;
        found = Some(authentic);
        Ok(Some(size))
    })?;
    let found = found.ok_or_else(|| Error::new("what was sent is not a whole bundle"))?;
    found.check(&sent.payload)?;
    let root = Root::open(place)?;
    let state = root.directory(&spec.state_directory, true)?;
    let state = state.ok_or_else(|| Error::new("the state directory vanished"))?;
    // Until the end of the installation: nothing else replaces or reads the stored bundle meanwhile.
    let _lock = Lock::take(&root, PATIENCE)?;
    tree::remove_unfinished(state.as_fd(), "bundle").map_err(|e| failed("write", &at, e))?;

    let candidates = Candidates::look(spec, &root);
    if let Some(e) = candidates.unreadable {
        return Err(e.context("what the host has cannot be compared"));
    }
    received.previous = candidates.authentic.first().map(|best| best.authentic.manifest.generation);
    candidates.check(&found, None)?;
    open_with(&sent.payload, &found, &load(spec, &root))?;
    let best = candidates.authentic.first().map(|best| &best.signed.manifest[..]);
    if best != Some(&sent.signed.manifest) {
        if sent.replaces.as_ref().is_some_and(|replaces| !replaces.matches(best)) {
            return Err(Error::new("the host has another bundle than the sender saw")
                .hint("`git pull`, and run it again: what the host has would be lost"));
        }
        may_replace(&found.manifest, &candidates.authentic, &at, allow_rollback)?;
        let files =
            [(MANIFEST, &sent.signed.manifest[..]), (SIGNATURE, &sent.signed.signature), (PAYLOAD, &sent.payload)];
        tree::replace_directory(state.as_fd(), "bundle", &files).map_err(|e| failed("write", &at, e))?;
    }
    received.accepted = true;
    let options = Options { root: place.map(Into::into), ..Options::default() };
    drop(sent);
    let mut outcome = install_locked(spec, &options, &root);
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

/// Whether a bundle may replace what the host has; those that are not at the place `at` are the system's own.
fn may_replace(new: &Manifest, there: &[Candidate], at: &Path, allow_rollback: bool) -> Result<()> {
    let Some(best) = there.first().map(|best| &best.authentic.manifest) else { return Ok(()) };
    if new.fleet.is_none() && best.fleet.is_some() {
        return Err(format_1_is_over());
    }
    let (new_one, old) = (new.generation, best.generation);
    if new_one > old {
        return Ok(());
    }
    if new_one == old {
        return Err(Error::new(format!("the host has another bundle of generation {old}"))
            .hint("two operators rendered at once: `git pull`, then `pkeys render --force`"));
    }
    if !allow_rollback {
        return Err(Error::new(format!("the host has generation {old}, and this is the older {new_one}")).hint(
            "render it again: a new rendering gets a higher generation. Or --allow-rollback, which may bring back keys \
             that were revoked",
        ));
    }
    let own = there.iter().filter(|one| one.directory != at).map(|one| &one.authentic.manifest);
    let mut stays = own.filter(|own| own.generation >= new_one && own.fleet.is_some() == new.fleet.is_some());
    match stays.next() {
        Some(own) => {
            Err(Error::new(format!("the host's system has generation {}, which would stay in use", own.generation))
                .hint("switch to an older NixOS generation, or render a new bundle"))
        }
        None => Ok(()),
    }
}

/// Asks systemd for what the changed files want. It answers when the jobs are queued, not when they are done.
fn restart(outcome: &Outcome) -> Vec<String> {
    let mut problems = Vec::new();
    for (verb, units) in [("try-restart", &outcome.restart_units), ("try-reload-or-restart", &outcome.reload_units)] {
        if units.is_empty() {
            continue;
        }
        let mut command = Command::new("systemctl");
        command.args(["--no-block", "--quiet", verb, "--"]).args(units);
        // Standard output is for the answer.
        let done = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
        if !done.is_ok_and(|status| status.success()) {
            problems.push(format!("systemctl {verb} {} failed", units.join(" ")));
        }
    }
    problems
}
