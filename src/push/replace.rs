//! What a push may replace: a bundle that this clone knows, and no other.
//!
//! Generations do not merge: of two branches the later would win, and could bring back a key that the other has removed. So the
//! host says which bundle it has, and is told which one is to be replaced.

use crate::base::{Error, HostName, Result};
use crate::bundle::{FORMAT_2, Manifest, Signed, sha256_hex};
use crate::grants::{Trusted, has_in_history};
use crate::manifest::Repository;
use pkeys_bundle::wire::{Candidate, Report};
use std::collections::BTreeSet;

/// How many differences an error names.
const NAMED: usize = 6;

/// What a host has now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OnHost {
    /// The SHA-256 of its best bundle's manifest, or `none`.
    pub replaces: String,
    /// Its generation, if an accepted signer signed it.
    pub generation: Option<u64>,
}

/// Checks that a host's bundle may be replaced by ours. With `overwrite`, one that this clone does not know may be, too.
///
/// # Errors
/// If the host has a bundle that is not in this clone's history; names what would come and go.
pub(super) fn check(
    repository: &Repository,
    trusted: &Trusted,
    host: &HostName,
    ours: (&Signed, &Manifest),
    candidate: Option<&Candidate>,
    overwrite: bool,
) -> Result<OnHost> {
    let Some(candidate) = candidate else { return Ok(OnHost { replaces: "none".into(), generation: None }) };
    let sha256 = sha256_hex(candidate.manifest.as_bytes());
    let signed = Signed {
        manifest: candidate.manifest.clone().into_bytes(),
        signature: candidate.signature.clone().into_bytes(),
    };
    // A host can say what it likes; only what an accepted signer signed is known of it.
    let theirs = trusted.authenticate_any(host, &signed).map(|found| found.manifest);
    let generation = theirs.as_ref().ok().map(|theirs| theirs.generation);
    let on_host = OnHost { replaces: sha256.clone(), generation };
    let is_ours = sha256 == sha256_hex(&ours.0.manifest);
    let names_no_fleet = theirs.as_ref().is_ok_and(|theirs| theirs.fleet.is_none());
    if is_ours || names_no_fleet || overwrite || has_in_history(repository, host, &sha256)? {
        return Ok(on_host);
    }
    let what = match &theirs {
        Ok(theirs) => format!("generation {}: {}", theirs.generation, differences(theirs, ours.1)),
        Err(e) => e.message().to_owned(),
    };
    Err(Error::new(format!("the host has a bundle that this clone does not know: {what}"))
        .hint("somebody else has pushed: `git pull`, render, and push again; in an emergency `pkeys push --overwrite`"))
}

/// Whether a host's program knows bundles that name their fleet.
pub(super) fn knows_fleets(report: &Report) -> bool {
    report.formats.iter().any(|format| format == FORMAT_2)
}

/// What replacing `theirs` by `ours` would bring and take away.
fn differences(theirs: &Manifest, ours: &Manifest) -> String {
    let said = |manifest: &Manifest| -> BTreeSet<String> {
        let recipients = manifest.recipients.iter().map(|recipient| format!("recipient {recipient}"));
        let secrets = manifest.secrets.iter().map(|secret| format!("secret {} from {}", secret.name, secret.reference));
        let keys = manifest.authorized_keys.iter().flat_map(|(user, lines)| {
            lines.iter().map(move |line| format!("key {} for {user}", crate::trust::key_fingerprint(line)))
        });
        recipients.chain(secrets).chain(keys).collect()
    };
    let (theirs, ours) = (said(theirs), said(ours));
    let new = ours.difference(&theirs).map(|what| format!("+ {what}"));
    let mut all: Vec<_> = new.chain(theirs.difference(&ours).map(|what| format!("- {what}"))).collect();
    if all.is_empty() {
        return "with other values of the same secrets".into();
    }
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    format!("a push would change {}{more}", all.join(", "))
}
