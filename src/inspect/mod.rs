//! Looking at hosts after the fact: what they really have, held against the repository; and what one of them could read.
//!
//! Changes nothing, here and there. May import all but `activate` and `cli`.

mod compare;
mod exposure;
mod logins;
mod recovery;

pub use exposure::{Exposed, Exposure, exposure};
pub use logins::{LoginSeen, Logins};
pub use recovery::{Step, join};

use crate::base::{Error, HostName, Result, parallel};
use crate::bundle::Recipient;
use crate::grants::Trusted;
use crate::manifest::Repository;
use crate::push;
use crate::remote::{self, Proof, Target};
use crate::render;
use compare::{compare, standing};

/// Where a host stands, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No report could be had: it is down, does not let the operator in, or has no `pkeys-activate` that reports.
    Unreachable,
    /// It has an older generation than the repository, or none.
    Behind,
    /// It has a newer generation than the repository.
    Ahead,
    /// It has the right generation, and something is wrong.
    Degraded,
    /// It has the right generation, and nothing is wrong.
    Ok,
}

impl State {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Behind => "behind",
            Self::Ahead => "ahead",
            Self::Degraded => "degraded",
            Self::Ok => "ok",
        }
    }
}

/// What was seen of one host.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The host.
    pub host: HostName,
    /// Where it stands.
    pub state: State,
    /// The generation in the repository, if its bundle is good.
    pub wanted: Option<u64>,
    /// The generation of the secrets that are installed.
    pub installed: Option<u64>,
    /// The version of its `pkeys-activate`.
    pub version: Option<String>,
    /// What is wrong, each with a next step.
    pub findings: Vec<Error>,
    /// What could not be looked at, or is worth knowing.
    pub notes: Vec<String>,
    /// The logins that were tried.
    pub logins: Vec<LoginSeen>,
}

/// Looks at hosts, many at once, and with `logins` tries these too. One host's failure leaves the others alone. `done` is
/// called as each host ends.
pub fn inspect(
    repository: &Repository,
    hosts: &[HostName],
    at_once: usize,
    logins: Option<&Logins>,
    done: impl Fn(&Inspected) + Sync,
) -> Vec<Inspected> {
    parallel::each(hosts, at_once.max(1), |host| {
        let seen = one(repository, host, logins);
        done(&seen);
        seen
    })
}

fn one(repository: &Repository, host: &HostName, logins: Option<&Logins>) -> Inspected {
    let mut seen = Inspected {
        host: host.clone(),
        state: State::Unreachable,
        wanted: None,
        installed: None,
        version: None,
        findings: Vec::new(),
        notes: Vec::new(),
        logins: Vec::new(),
    };
    let wanted = Trusted::of(repository)
        .and_then(|trusted| render::verify(repository, &trusted, host))
        .map(|good| good.manifest);
    seen.wanted = wanted.as_ref().ok().map(|wanted| wanted.generation);
    let asked = push::target(repository.manifest(), host).and_then(|target| {
        let report = remote::report(&target)?.report()?;
        Ok((target, report))
    });
    let (target, report) = match asked {
        Ok(asked) => asked,
        Err(e) => {
            seen.findings.push(e);
            return seen;
        }
    };
    seen.installed = report.installed.as_ref().and_then(|installed| installed.secrets);
    seen.version = Some(report.version.clone());
    if report.version != env!("CARGO_PKG_VERSION") {
        seen.notes.push(format!("its pkeys-activate is {}, pkeys here {}", report.version, env!("CARGO_PKG_VERSION")));
    }
    if report.units.is_none() {
        seen.notes.push("the states of its units are not known: systemd there did not say".into());
    }
    let standing = match &wanted {
        Ok(wanted) => {
            seen.findings.extend(compare(host, wanted, &report));
            standing(wanted.generation, report.installed.as_ref())
        }
        Err(e) => {
            seen.findings.push(e.clone().context("its bundle in the repository"));
            None
        }
    };
    match host_key(repository, host, &target) {
        Ok(note) => seen.notes.extend(note),
        Err(e) => seen.findings.push(e),
    }
    if let Some(logins) = logins {
        let (tried, wrong) = logins.of(host, &target);
        seen.logins = tried;
        seen.findings.extend(wrong);
    }
    let rest = if seen.findings.is_empty() { State::Ok } else { State::Degraded };
    seen.state = standing.unwrap_or(rest);
    seen
}

/// Whether the host proves a host key that `pkeys.toml` names. Returns why that was not looked at.
fn host_key(repository: &Repository, host: &HostName, target: &Target) -> Result<Option<String>> {
    let recipients = repository.manifest().hosts.get(host).map(|host| &host.recipients[..]).unwrap_or_default();
    let recipients = recipients.iter().map(|key| key.parse()).collect::<Result<Vec<Recipient>>>()?;
    let known: Vec<&str> = recipients.iter().map(Recipient::id).filter(|id| id.starts_with("SHA256:")).collect();
    if known.is_empty() {
        return Ok(Some("no recipient of it is an SSH host key: which one it shows was not compared".into()));
    }
    match remote::host_key(target)? {
        Proof::Proven => Ok(None),
        Proof::Another(shown) => Err(another_key(host, &known, &shown)),
    }
}

fn another_key(host: &HostName, known: &[&str], shown: &[String]) -> Error {
    let shown = if shown.is_empty() { "of another kind".into() } else { shown.join(" ") };
    Error::new(format!("it shows the host key {shown}, and pkeys.toml names {}", known.join(" "))).hint(format!(
        "if it was installed anew, compare the key there, then `pkeys host add {host} --scan ADDRESS`; else somebody is in between"
    ))
}
