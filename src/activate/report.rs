//! What a host has: read from the spec and from what is really on disk, for `pkeys host check`. Changes nothing, waits
//! for nobody, and says no secret and no hash of one.

use crate::activate::candidates::{Candidates, load};
use crate::activate::placed::Placed;
use crate::activate::record::Record;
use crate::activate::root::Root;
use crate::activate::{Spec, units};
use crate::base::{Error, Result};
use crate::bundle::Identity;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What a report calls itself; another shape gets another number.
pub const REPORT_FORMAT: &str = "pkeys-report/1";

/// How often it is looked again when an activation came in between.
const LOOKS: usize = 5;

/// What a host says of itself. Public.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Always [`REPORT_FORMAT`].
    pub format: &'static str,
    /// The version of `pkeys-activate`.
    pub version: &'static str,
    /// The host's name in its spec.
    pub host: String,
    /// Why there is no report.
    pub error: Option<String>,
    /// What to do about that.
    pub hint: Option<String>,
    /// The best bundle that a trusted signer signed for this host.
    pub candidate: Option<Candidate>,
    /// Why other candidates do not count: one line each.
    pub rejected: Vec<String>,
    /// What the files under `/run/pkeys` were made from; `None` when nothing is installed.
    pub installed: Option<Record>,
    /// Every file that the candidate and the spec want, as `secrets/NAME`, with what is wrong with it: one line each.
    pub files: BTreeMap<String, Vec<String>>,
    /// What is wrong otherwise: one line each.
    pub problems: Vec<String>,
    /// The lines of the installed authorized keys, by user.
    pub authorized_keys: BTreeMap<String, Vec<String>>,
    /// The public halves of the host's identities, as a bundle's manifest names recipients.
    pub identities: Vec<String>,
    /// The states of pkeys' own units and of those that the spec names; `None` where systemd does not say.
    pub units: Option<BTreeMap<String, String>>,
}

/// A bundle that counts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Its generation.
    pub generation: u64,
    /// The digest of its encrypted half, as its public manifest has it: two bundles of one generation differ in it.
    pub payload: String,
}

impl Report {
    /// The answer when nothing can be said.
    pub fn failed(error: &Error) -> Self {
        let (message, hint) = (error.message().to_owned(), error.next_step().map(Into::into));
        Self { error: Some(message), hint, ..Self::new("") }
    }

    fn new(host: &str) -> Self {
        Self { format: REPORT_FORMAT, version: env!("CARGO_PKG_VERSION"), host: host.into(), ..Self::default() }
    }
}

/// Looks at a host; with `root`, at a machine under that directory, whose units are not known.
pub fn report(spec: &Spec, root: Option<&Path>) -> Report {
    run(spec, root).unwrap_or_else(|e| Report { host: spec.host.to_string(), ..Report::failed(&e) })
}

fn run(spec: &Spec, place: Option<&Path>) -> Result<Report> {
    let mut report = Report::new(spec.host.as_str());
    let root = Root::open(place)?;
    let (identities, missing) = load(spec, &root);
    report.identities = identities.iter().filter_map(Identity::public).map(Into::into).collect();
    if identities.is_empty() {
        report.problems.extend(missing.iter().map(Error::one_line));
    }
    let candidates = Candidates::look(spec, &root);
    report.rejected = candidates.rejected;
    let best = candidates.authentic.into_iter().next().map(|(_, found)| found.manifest);
    let mut placed = Placed::look(spec, &root, best.as_ref())?;
    for _ in 1..LOOKS {
        // An activation meanwhile removes what was being looked at.
        if placed.is_current(&root)? {
            break;
        }
        placed = Placed::look(spec, &root, best.as_ref())?;
    }
    report.problems.extend(placed.problems);
    (report.installed, report.files, report.authorized_keys) = (placed.installed, placed.files, placed.authorized_keys);
    report.candidate = best.map(|best| Candidate { generation: best.generation, payload: best.payload.sha256 });
    if place.is_none() {
        report.units = units::states(spec);
    }
    Ok(report)
}
