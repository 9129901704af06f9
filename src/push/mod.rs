//! Bundles to hosts: what was rendered is verified, sent, and what each host answers is collected.
//!
//! May import all but `activate` and `cli`.

use crate::base::{Error, HostName, Result, parallel};
use crate::bundle::Signed;
use crate::manifest::Repository;
use crate::remote::{self, Answer};
use crate::render;

/// What became of one host.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// The host.
    pub host: HostName,
    /// The generation that was sent.
    pub generation: Option<u64>,
    /// What the host answered, when it took the bundle.
    pub result: Result<Answer>,
}

/// How to push.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many hosts at once.
    pub at_once: usize,
    /// Whether a host may go back to an older generation.
    pub allow_rollback: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { at_once: parallel::AT_ONCE, allow_rollback: false }
    }
}

/// Pushes the rendered bundles of these hosts, many at once. One host's failure leaves the others alone. `done` is
/// called as each host ends.
pub fn push(
    repository: &Repository,
    hosts: &[HostName],
    options: Options,
    done: impl Fn(&Pushed) + Sync,
) -> Vec<Pushed> {
    let work: Vec<_> = hosts.iter().map(|host| (host, prepare(repository, host))).collect();
    parallel::each(&work, options.at_once.max(1), |(host, prepared)| {
        let sent = prepared.as_ref().map_err(Clone::clone).and_then(|prepared| send(prepared, options.allow_rollback));
        let generation = prepared.as_ref().ok().map(|prepared| prepared.generation);
        let pushed = Pushed { host: (*host).clone(), generation, result: sent };
        done(&pushed);
        pushed
    })
}

/// What is known before anything is sent. The encrypted half is read when its turn comes: memory stays flat.
struct Prepared {
    address: String,
    directory: std::path::PathBuf,
    authentic: crate::bundle::Authentic,
    generation: u64,
}

fn prepare(repository: &Repository, host: &HostName) -> Result<Prepared> {
    let address = repository.manifest().address_of(host)?.to_owned();
    let authentic = render::verify(repository, host)?;
    let generation = authentic.manifest.generation;
    Ok(Prepared { address, directory: repository.bundle(host), authentic, generation })
}

fn send(prepared: &Prepared, allow_rollback: bool) -> Result<Answer> {
    let gone = || Error::new("its bundle vanished").hint("run it again");
    let signed = Signed::read(&prepared.directory)?.ok_or_else(gone)?;
    let payload = prepared.authentic.payload(&prepared.directory)?;
    let answer = remote::push(&prepared.address, &signed, &payload, allow_rollback)?;
    if answer.accepted {
        return Ok(answer);
    }
    // Words of the host: fit for a terminal, whatever it says.
    let plain = |text: String| text.chars().filter(|c| !c.is_control()).collect::<String>();
    let error = Error::new(format!("the host refused it: {}", plain(answer.error.unwrap_or_default())));
    Err(match answer.hint {
        Some(hint) => error.hint(plain(hint)),
        None => error,
    })
}
