//! Bundles to hosts: what was rendered is verified, sent, and what each host answers is collected.
//!
//! May import all but `activate` and `cli`.

mod replace;
mod target;

pub use target::target;

use crate::base::{Error, HostName, Result, files::Beneath, parallel};
use crate::bundle::{self, FORMAT_1, Manifest as BundleManifest, Signed};
use crate::grants::Trusted;
use crate::keys::UserKeys;
use crate::manifest::Repository;
use crate::policy::{Gate, Leeway, Warnings, operator_of};
use crate::remote::{self, Asked, Target};
use crate::render;
use pkeys_bundle::wire::Received;
use replace::OnHost;
use ssh_key::PrivateKey;
use std::sync::{Mutex, PoisonError};

/// What became of one host.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// The host.
    pub host: HostName,
    /// The generation that was sent.
    pub generation: Option<u64>,
    /// What the policies warn of.
    pub warnings: Warnings,
    /// What the host answered, when it took the bundle.
    pub result: Result<Received>,
}

/// How to push.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// How many hosts at once.
    pub at_once: usize,
    /// Whether a host may go back to an older generation.
    pub allow_rollback: bool,
    /// Whether a bundle may be replaced that this clone does not know.
    pub overwrite: bool,
    /// In an emergency: signs a bundle of format 1 for hosts whose program knows no other.
    pub emergency_key: Option<&'a PrivateKey>,
    /// What may be pushed although a rule denies it.
    pub leeway: Leeway,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            at_once: parallel::AT_ONCE,
            allow_rollback: false,
            overwrite: false,
            emergency_key: None,
            leeway: Leeway::None,
        }
    }
}

/// Pushes the rendered bundles of these hosts, many at once. One host's failure leaves the others alone. `done` is
/// called as each host ends. The policies are asked of each host before anything is sent.
///
/// # Errors
/// When the policies cannot be asked, or `keys.toml` cannot be read: nothing was sent.
pub fn push(
    repository: &Repository,
    hosts: &[HostName],
    options: Options,
    done: impl Fn(&Pushed) + Sync,
) -> Result<Vec<Pushed>> {
    let keys = UserKeys::load(repository)?;
    let gate = Gate::open(repository, &keys, options.leeway)?;
    let trusted = Trusted::of(repository)?;
    let work: Vec<_> =
        hosts.iter().map(|host| (host, prepare(repository, &trusted, &gate, host, options.leeway))).collect();
    let seen = Mutex::new(Vec::new());
    let pushed = parallel::each(&work, options.at_once.max(1), |(host, prepared)| {
        let sent = prepared.as_ref().map_err(Clone::clone).and_then(|prepared| {
            let on_host = look(repository, &trusted, host, prepared, options)?;
            if let Some(generation) = on_host.as_ref().and_then(|on_host| on_host.generation) {
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(((*host).clone(), generation));
            }
            send(prepared, on_host.as_ref(), options)
        });
        let generation = prepared.as_ref().ok().map(|prepared| prepared.generation);
        let warnings = prepared.as_ref().map(|prepared| prepared.warnings.clone()).unwrap_or_default();
        let pushed = Pushed { host: (*host).clone(), generation, warnings, result: sent };
        done(&pushed);
        pushed
    });
    repository.pins()?.note_generations(&seen.into_inner().unwrap_or_else(PoisonError::into_inner))?;
    Ok(pushed)
}

/// What the host has; `None` in an emergency, if its program is too old to say.
fn look(
    repository: &Repository,
    trusted: &Trusted,
    host: &HostName,
    prepared: &Prepared,
    options: Options,
) -> Result<Option<OnHost>> {
    let report = match remote::report(&prepared.target)? {
        // A stolen key goes from hosts with an older program, too.
        Asked::TooOld if options.emergency_key.is_some() => return Ok(None),
        asked => asked.report()?,
    };
    if !replace::knows_fleets(&report) {
        return match options.emergency_key {
            Some(_) => Ok(None),
            None => Err(Error::new("its pkeys-activate is older, and takes no bundle that names its fleet")
                .hint("switch the host to the pkeys of this release first: docs/nixos.md")),
        };
    }
    let overwrite = options.overwrite || options.leeway == Leeway::Emergency;
    let ours = (&prepared.signed, &prepared.authentic.manifest);
    replace::check(repository, trusted, host, ours, report.candidate.as_ref(), overwrite).map(Some)
}

/// What is known before anything is sent. The encrypted half is read when its turn comes: memory stays flat.
struct Prepared {
    target: Target,
    directory: Beneath,
    signed: Signed,
    authentic: crate::bundle::Authentic,
    generation: u64,
    warnings: Warnings,
}

fn prepare(
    repository: &Repository,
    trusted: &Trusted,
    gate: &Gate,
    host: &HostName,
    leeway: Leeway,
) -> Result<Prepared> {
    let target = target(repository.manifest(), host)?;
    let authentic = match leeway {
        Leeway::Emergency => render::verify_signed(repository, trusted, host)?,
        _ => render::verify(repository, trusted, host)?,
    };
    let warnings = gate.push(&operator_of(repository, &authentic.signer), &authentic.manifest)?;
    let generation = authentic.manifest.generation;
    let directory = repository.bundle(host);
    let signed = Signed::read(&directory)?.ok_or_else(|| Error::new("its bundle vanished").hint("run it again"))?;
    Ok(Prepared { target, directory, signed, authentic, generation, warnings })
}

fn send(prepared: &Prepared, on_host: Option<&OnHost>, options: Options) -> Result<Received> {
    let payload = prepared.authentic.payload(&prepared.directory)?;
    let replaces = on_host.map(|on_host| on_host.replaces.as_str());
    let old_format = match (on_host, options.emergency_key) {
        (None, Some(key)) => Some(in_format_1(&prepared.authentic.manifest, key)?),
        _ => None,
    };
    let signed = old_format.as_ref().unwrap_or(&prepared.signed);
    let answer = remote::push(&prepared.target, signed, &payload, replaces, options.allow_rollback)?;
    if answer.accepted {
        return Ok(answer);
    }
    let error = Error::new(format!("the host refused it: {}", answer.error.unwrap_or_default()));
    Err(match answer.hint {
        Some(hint) => error.hint(hint),
        None => error,
    })
}

/// The same bundle without its fleet, for a program that knows no fleets. It is sent, and not kept.
fn in_format_1(manifest: &BundleManifest, key: &PrivateKey) -> Result<Signed> {
    let manifest = BundleManifest { format: FORMAT_1.into(), fleet: None, ..manifest.clone() }.to_bytes();
    let signature = bundle::sign(&manifest, key)?.into_bytes();
    Ok(Signed { manifest, signature })
}
