//! What a host has: read from the spec and from what is really on disk, for `pkeys host check`. Changes nothing, waits
//! for nobody, and says no secret and no hash of one.

use crate::candidates::{self, Candidates, load};
use crate::placed::Placed;
use crate::record::Record;
use crate::root::Root;
use crate::{Spec, units};
use pkeys_bundle::base::{Error, Result};
use pkeys_bundle::{FORMAT_1, FORMAT_2, Identity, sha256_hex};
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
    /// The bundle formats that this program takes.
    pub formats: Vec<&'static str>,
    /// The host's name in its spec.
    pub host: String,
    /// The fleet that the host belongs to: of its spec, or else of its system's own bundle. `None` while it takes only
    /// bundles of format 1.
    pub fleet: Option<String>,
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

/// The best bundle of a host, with its public half whole: the operator can verify it, and see what it would replace.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Its generation.
    pub generation: u64,
    /// The digest of its encrypted half, as its public manifest has it: two bundles of one generation differ in it.
    pub payload: String,
    /// The SHA-256 of `manifest.json`, in lower-case hex.
    pub sha256: String,
    /// The text of `manifest.json`.
    pub manifest: String,
    /// The text of `manifest.json.sig`.
    pub signature: String,
}

impl Candidate {
    fn of(best: &candidates::Candidate) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            generation: best.authentic.manifest.generation,
            payload: best.authentic.manifest.payload.sha256.clone(),
            sha256: sha256_hex(&best.signed.manifest),
            manifest: text(&best.signed.manifest),
            signature: text(&best.signed.signature),
        }
    }
}

impl Report {
    /// The answer when nothing can be said.
    pub fn failed(error: &Error) -> Self {
        let (message, hint) = (error.message().to_owned(), error.next_step().map(Into::into));
        Self { error: Some(message), hint, ..Self::new("") }
    }

    fn new(host: &str) -> Self {
        Self {
            format: REPORT_FORMAT,
            version: env!("CARGO_PKG_VERSION"),
            formats: vec![FORMAT_1, FORMAT_2],
            host: host.into(),
            ..Self::default()
        }
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
    report.rejected.clone_from(&candidates.rejected);
    report.fleet = candidates.fleet.as_ref().map(ToString::to_string);
    report.candidate = candidates.authentic.first().map(Candidate::of);
    let best = candidates.authentic.first().map(|best| &best.authentic.manifest);
    let mut placed = Placed::look(spec, &root, best)?;
    for _ in 1..LOOKS {
        // An activation meanwhile removes what was being looked at.
        if placed.is_current(&root)? {
            break;
        }
        placed = Placed::look(spec, &root, best)?;
    }
    report.problems.extend(placed.problems);
    (report.installed, report.files, report.authorized_keys) = (placed.installed, placed.files, placed.authorized_keys);
    if place.is_none() {
        report.units = units::states(spec);
    }
    Ok(report)
}
