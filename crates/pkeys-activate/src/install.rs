//! One activation: choose, decide, fill, switch, link, prune. Whole, or isolated and named; never half.

use crate::candidates::{Choice, choose};
use crate::contents::Contents;
use crate::fleet::Memory;
use crate::generation::{self, Store};
use crate::lock::{Lock, PATIENCE};
use crate::record;
use crate::root::Root;
use crate::{Phase, Spec, changes, host_key, links};
use pkeys_bundle::Identity;
use pkeys_bundle::base::{Error, Result};
use pkeys_bundle::wire::{Installed, Outcome, Status};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How to activate.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Put every path under this directory and mount nothing: for images and tests.
    pub root: Option<PathBuf>,
    /// Say what would be done.
    pub dry_run: bool,
    /// Which secrets.
    pub phase: Phase,
    /// The directory of NixOS's lists of units to restart and reload: `/run/nixos`.
    pub queue_units: Option<PathBuf>,
    /// Identities beside those of the spec, tried after them.
    pub identities: Rc<Vec<Identity>>,
}

/// Mounts the memory that secrets go to, where it is not mounted yet: what is confined cannot mount any more.
///
/// # Errors
/// When it cannot be mounted.
pub fn prepare(options: &Options) -> Result<()> {
    if options.dry_run || options.root.is_some() {
        return Ok(());
    }
    let root = Root::open(None)?;
    let _lock = Lock::take(&root, PATIENCE)?;
    Store::open(&root, options.phase, true).map(drop)
}

/// Activates a spec. A failure is an outcome too: it says what was rejected and why.
pub fn install(spec: &Spec, options: &Options) -> Outcome {
    let locked = || {
        let root = Root::open(options.root.as_deref())?;
        let lock = if options.dry_run { None } else { Some(Lock::take(&root, PATIENCE)?) };
        Ok((root, lock))
    };
    match locked() {
        Ok((root, _lock)) => install_locked(spec, options, &root),
        Err(e) => Outcome::failed(&e),
    }
}

/// [`install`] for a caller that holds the lock.
pub(super) fn install_locked(spec: &Spec, options: &Options, root: &Root) -> Outcome {
    let mut outcome = Outcome::default();
    if let Err(e) = run(spec, options, root, &mut outcome) {
        outcome.problems.push(e.one_line());
    }
    outcome
}

fn run(spec: &Spec, options: &Options, root: &Root, outcome: &mut Outcome) -> Result<()> {
    let phase = options.phase;
    let Choice { best, authentic, digest, rejected, notes } = choose(spec, root, &options.identities);
    (outcome.rejected, outcome.notes) = (rejected, notes);
    let Some(authentic) = authentic else {
        return Err(Error::new("no valid bundle; nothing was changed"));
    };
    let keys_only = best.is_none();
    if keys_only && phase == Phase::Users {
        return Err(Error::new("no bundle can be opened; nothing was changed"));
    }

    let mut contents = Contents::default();
    if let Some((directory, generation, secrets)) = &best {
        contents.add_secrets(spec, phase, secrets.names(), |name| secrets.get(name));
        outcome.bundle = Some(directory.display().to_string());
        outcome.generation = Some(*generation);
    }
    if phase == Phase::Services {
        contents.add_authorized_keys(&authentic);
    }
    let Contents { files, problems } = contents;
    outcome.problems = problems;
    let number_in = |folder: &str| files.iter().filter(|file| file.folder == folder).count();
    outcome.secrets = number_in("secrets");
    outcome.templates = number_in("templates");
    outcome.users = number_in("authorized_keys");

    let privileged = rustix::process::geteuid().is_root();
    let old = generation::current(root, phase)?;
    let old = old.as_ref().map(|(_, fd)| fd);
    let changes = changes::compare(old, &files, keys_only, privileged);
    (outcome.restart_units, outcome.reload_units) = changes::units(&files, &changes, old.is_some());
    let before = old.map_or_else(|| Ok(Installed::default()), record::read).unwrap_or_else(|problem| {
        outcome.problems.push(problem);
        Installed::default()
    });
    record::collect_owed(&before, &mut outcome.restart_units, &mut outcome.reload_units);
    if !privileged {
        outcome.notes.push("owners are not set: only root can".into());
    }
    // Before the switch: a run that is killed after it would find nothing changed, and forget the units. Those that cannot
    // be queued are remembered by the new generation.
    let queued = match &options.queue_units {
        Some(directory) if !outcome.restart_units.is_empty() || !outcome.reload_units.is_empty() => {
            queue(root, directory, options.dry_run, outcome)
        }
        _ => Ok(()),
    };
    let owed = |units: &[String]| if queued.is_err() { units.to_vec() } else { Vec::new() };
    let filled = if options.dry_run {
        None
    } else {
        let store = Store::open(root, phase, options.root.is_none())?;
        let record = Installed {
            secrets: outcome.generation.or(before.secrets),
            authorized_keys: (phase == Phase::Services).then_some(authentic.generation),
            restart_owed: owed(&outcome.restart_units),
            reload_owed: owed(&outcome.reload_units),
        };
        let new = store.fill(&files, old.filter(|_| keys_only), &record)?;
        Some((store, new))
    };
    // Before the switch: a run that is killed after it must not forget.
    if filled.is_some()
        && phase == Phase::Services
        && let Err(e) = Memory::add(root, spec, authentic.fleet.as_ref(), &digest)
    {
        outcome.problems.push(format!("what was installed cannot be remembered: {}", e.one_line()));
    }
    if let (Phase::Services, Some(settings), Some((.., secrets))) = (phase, &spec.host_key, &best)
        && let Some(private) = secrets.new_host_key()
        && let Err(e) = host_key::put(root, &settings.path, private, options.dry_run)
    {
        outcome.problems.push(format!("the new SSH host key: {}", e.one_line()));
    }
    if let Some((store, new)) = &filled {
        outcome.notes.extend(store.switch(*new)?);
    }
    // The secrets are in place now: what fails from here on is named, and does not undo that.
    if let Err(e) = queued {
        outcome.problems.push(format!("units to restart or reload: {}", e.one_line()));
    }
    outcome.problems.extend(links::settle(root, spec, phase, &files, keys_only, options.dry_run));
    if let Some((store, new)) = filled
        && let Err(e) = store.prune(new, spec.keep_generations)
    {
        outcome.problems.push(format!("old generations: {}", e.one_line()));
    }
    (outcome.added, outcome.changed, outcome.removed) = (changes.added, changes.changed, changes.removed);
    outcome.status = match (keys_only, outcome.problems.is_empty()) {
        (true, _) => Status::KeysOnly,
        (false, true) => Status::Done,
        (false, false) => Status::Degraded,
    };
    Ok(())
}

fn queue(root: &Root, directory: &Path, dry_run: bool, outcome: &Outcome) -> Result<()> {
    let directory = root.directory(directory, true)?.ok_or_else(|| Error::new("the lists' directory vanished"))?;
    changes::queue(&directory, dry_run, &outcome.restart_units, &outcome.reload_units)
}
