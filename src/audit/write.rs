//! Reading and continuing the file.

use crate::audit::entry::Action;
use crate::audit::{Chain, who};
use crate::base::{Error, Result, files};
use crate::manifest::Repository;

/// The file's name, in the repository's root.
pub const LOG_FILE: &str = "audit.jsonl";

const MAX_LOG: usize = 256 * 1024 * 1024;

/// The log as it is; empty when there is none yet.
///
/// # Errors
/// When it cannot be read.
pub fn read(repository: &Repository) -> Result<Chain> {
    let bytes = files::read(&repository.file(LOG_FILE), MAX_LOG)?.unwrap_or_default();
    Ok(Chain::read(&bytes))
}

/// Adds one line for each action, and waits until they are on the disk. Only for whoever locked the repository.
///
/// Called right before a change, so that none is missing from the log: a run that is killed in between leaves a line of
/// a change that was not made. An unfinished line of a killed run is removed first, and the next line says so; ends of
/// merged branches are joined.
///
/// # Errors
/// When it cannot be written, or holds a conflict of git; then the log is as it was.
pub fn append(repository: &Repository, actions: &[Action]) -> Result<()> {
    if actions.is_empty() {
        return Ok(());
    }
    debug_assert!(repository.is_locked(), "the log is written under the lock");
    let chain = read(repository)?;
    if chain.conflict {
        return Err(Error::new(format!("{LOG_FILE} has a merge conflict; nothing was changed")).hint(
            "keep the lines of both sides and remove git's marks; `audit.jsonl merge=union` in .gitattributes does it",
        ));
    }
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let who = who::who(repository.root());
    let whole = chain.whole as u64;
    let text = chain.next(actions, &time, &who);
    files::append(&repository.file(LOG_FILE), whole, text.as_bytes(), files::PUBLIC)
}
