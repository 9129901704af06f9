//! What `check` says of break-glass.

use crate::base::Error;
use crate::escrow::{SIGNER, TrustFile, check_combine, compare_trust, last_drill};
use crate::manifest::{Finding, MANIFEST_FILE, Repository};
use jiff::civil::Date;

/// After so many days nobody knows any more that the key works.
const DAYS: i32 = 90;
const TRUST: &str = "break-glass/trust.json";

/// Checks the public files of break-glass, and warns if no drill has lately proven that the key opens everything.
pub fn check(repository: &Repository, today: Date) -> Vec<Finding> {
    if repository.manifest().break_glass.recipients.is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    // A recipient that was written into pkeys.toml by hand has no files here.
    if repository.manifest().signers.contains_key(SIGNER) {
        let combine = check_combine(repository).err();
        findings.extend(combine.map(|error| finding(true, "break-glass/combine.py", &error)));
        findings.extend(trust_set(repository));
    }
    findings.extend(drills(repository, today));
    findings
}

/// One line about the signed trust set, unless it is up to date.
pub fn trust_set(repository: &Repository) -> Option<Finding> {
    let renew = "`pkeys break-glass drill` renews it";
    match compare_trust(repository) {
        // Without pins, nothing here says what it must be.
        Ok(None | Some(TrustFile::Current)) => None,
        Ok(Some(TrustFile::Missing)) => {
            Some(finding(false, TRUST, &Error::new("missing: on the worst day nothing says who signs").hint(renew)))
        }
        Ok(Some(TrustFile::Stale(changes))) => {
            let message = format!("not up to date ({}): the next drill renews it", changes.join(", "));
            Some(finding(false, TRUST, &Error::new(message).hint(renew)))
        }
        Ok(Some(TrustFile::Invalid(error))) | Err(error) => Some(finding(true, TRUST, &error)),
    }
}

fn finding(serious: bool, file: &str, error: &Error) -> Finding {
    let hint = error.next_step().unwrap_or_default().to_owned();
    Finding { serious, file: file.into(), line: None, message: error.message().to_owned(), hint }
}

/// Whether a drill was too long ago.
fn drills(repository: &Repository, today: Date) -> Option<Finding> {
    let message = match last_drill(repository) {
        Ok(Some(day)) => match day.until(today).map_or(0, |span| span.get_days()) {
            days if days <= DAYS => return None,
            days => format!("the last break-glass drill was {days} days ago"),
        },
        Ok(None) => "no drill has proven that the break-glass key opens everything".into(),
        Err(e) => format!("it is not known when the last break-glass drill was: {e}"),
    };
    Some(Finding {
        serious: false,
        file: MANIFEST_FILE.into(),
        line: repository.line(&["break-glass"]),
        message,
        hint: "`pkeys break-glass drill`".into(),
    })
}
