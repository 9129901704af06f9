//! What a host has: read from the spec and from what is really on disk, for `pkeys host check`. Changes nothing, waits
//! for nobody, and says no secret and no hash of one.

use crate::candidates::{self, Candidates, load};
use crate::placed::Placed;
use crate::root::Root;
use crate::{Spec, units};
use pkeys_bundle::base::{Error, Result};
use pkeys_bundle::wire::{Candidate, Report};
use pkeys_bundle::{Identity, sha256_hex};
use std::path::Path;

/// How often it is looked again when an activation came in between.
const LOOKS: usize = 5;

fn candidate(best: &candidates::Candidate) -> Candidate {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Candidate {
        generation: best.authentic.manifest.generation,
        payload: best.authentic.manifest.payload.sha256.clone(),
        sha256: sha256_hex(&best.signed.manifest),
        manifest: text(&best.signed.manifest),
        signature: text(&best.signed.signature),
    }
}

/// The answer when nothing can be said.
pub fn failed(error: &Error) -> Report {
    Report::failed(env!("CARGO_PKG_VERSION"), error)
}

/// Looks at a host; with `root`, at a machine under that directory, whose units are not known.
pub fn report(spec: &Spec, root: Option<&Path>) -> Report {
    run(spec, root).unwrap_or_else(|e| Report { host: spec.host.to_string(), ..failed(&e) })
}

fn run(spec: &Spec, place: Option<&Path>) -> Result<Report> {
    let mut report = Report::new(env!("CARGO_PKG_VERSION"), spec.host.as_str());
    let root = Root::open(place)?;
    let (identities, missing) = load(spec, &root);
    report.identities = identities.iter().filter_map(Identity::public).map(Into::into).collect();
    if identities.is_empty() {
        report.problems.extend(missing.iter().map(Error::one_line));
    }
    let candidates = Candidates::look(spec, &root);
    report.rejected.clone_from(&candidates.rejected);
    report.fleet = candidates.fleet.as_ref().map(ToString::to_string);
    report.candidate = candidates.authentic.first().map(candidate);
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
