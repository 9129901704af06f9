//! When the break-glass key last proved that it opens everything.

use crate::audit;
use crate::base::Result;
use crate::manifest::Repository;
use jiff::civil::Date;

/// The day (UTC) of the last drill that found nothing; `None` when there was none.
///
/// # Errors
/// When the log cannot be read.
pub fn last_drill(repository: &Repository) -> Result<Option<Date>> {
    let chain = audit::read(repository)?;
    let drills = chain.entries.iter().map(|(_, entry)| entry).filter(|entry| entry.action == DRILL);
    Ok(drills.filter_map(|entry| entry.time.get(..10)?.parse().ok()).max())
}

/// What a drill that found nothing is called in the log.
pub const DRILL: &str = "break-glass drill";
