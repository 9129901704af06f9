//! What `check` says of break-glass.

use crate::escrow::last_drill;
use crate::manifest::{Finding, MANIFEST_FILE, Repository};
use jiff::civil::Date;

/// After so many days nobody knows any more that the key works.
const DAYS: i32 = 90;

/// Warns when no drill proved lately that the key opens everything.
pub fn check(repository: &Repository, today: Date) -> Vec<Finding> {
    if repository.manifest().break_glass.recipients.is_empty() {
        return Vec::new();
    }
    let message = match last_drill(repository) {
        Ok(Some(day)) => match day.until(today).map_or(0, |span| span.get_days()) {
            days if days <= DAYS => return Vec::new(),
            days => format!("the last break-glass drill was {days} days ago"),
        },
        Ok(None) => "no drill has proven that the break-glass key opens everything".into(),
        Err(e) => format!("it is not known when the last break-glass drill was: {e}"),
    };
    let line = repository.line(&["break-glass"]);
    vec![Finding {
        serious: false,
        file: MANIFEST_FILE.into(),
        line,
        message,
        hint: "`pkeys break-glass drill`".into(),
    }]
}
