//! Bundles to hosts: what was rendered is verified, sent, and what each host answers is collected.
//!
//! May import all but `activate` and `cli`.

use crate::base::{Error, HostName, Result, files::Beneath, parallel};
use crate::bundle::Signed;
use crate::keys::UserKeys;
use crate::manifest::Repository;
use crate::policy::{Gate, Leeway, Warnings, operator_of};
use crate::remote::{self, Answer};
use crate::render;
use std::path::Path;

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
    pub result: Result<Answer>,
}

/// How to push.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// How many hosts at once.
    pub at_once: usize,
    /// Whether a host may go back to an older generation.
    pub allow_rollback: bool,
    /// A file of known hosts that `ssh` trusts beside the operator's.
    pub known_hosts: Option<&'a Path>,
    /// What may be pushed although a rule denies it.
    pub leeway: Leeway,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { at_once: parallel::AT_ONCE, allow_rollback: false, known_hosts: None, leeway: Leeway::None }
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
    let work: Vec<_> = hosts.iter().map(|host| (host, prepare(repository, &gate, host))).collect();
    Ok(parallel::each(&work, options.at_once.max(1), |(host, prepared)| {
        let sent = prepared.as_ref().map_err(Clone::clone).and_then(|prepared| send(prepared, options));
        let generation = prepared.as_ref().ok().map(|prepared| prepared.generation);
        let warnings = prepared.as_ref().map(|prepared| prepared.warnings.clone()).unwrap_or_default();
        let pushed = Pushed { host: (*host).clone(), generation, warnings, result: sent };
        done(&pushed);
        pushed
    }))
}

/// What is known before anything is sent. The encrypted half is read when its turn comes: memory stays flat.
struct Prepared {
    address: String,
    directory: Beneath,
    authentic: crate::bundle::Authentic,
    generation: u64,
    warnings: Warnings,
}

fn prepare(repository: &Repository, gate: &Gate, host: &HostName) -> Result<Prepared> {
    let address = repository.manifest().address_of(host)?.to_owned();
    let authentic = render::verify(repository, host)?;
    let warnings = gate.push(&operator_of(repository, &authentic.signer), &authentic.manifest)?;
    let generation = authentic.manifest.generation;
    Ok(Prepared { address, directory: repository.bundle(host), authentic, generation, warnings })
}

fn send(prepared: &Prepared, options: Options) -> Result<Answer> {
    let gone = || Error::new("its bundle vanished").hint("run it again");
    let signed = Signed::read(&prepared.directory)?.ok_or_else(gone)?;
    let payload = prepared.authentic.payload(&prepared.directory)?;
    let answer = remote::push(&prepared.address, &signed, &payload, options.allow_rollback, options.known_hosts)?;
    if answer.accepted {
        return Ok(answer);
    }
    let error = Error::new(format!("the host refused it: {}", answer.error.unwrap_or_default()));
    Err(match answer.hint {
        Some(hint) => error.hint(hint),
        None => error,
    })
}
