//! What an activation did, in lines and as JSON.

use crate::terminal::{complain, say};
use pkeys_bundle::base::{Error, Result};
use pkeys_bundle::wire::{Outcome, Status};

/// How many names one line shows.
const SHOWN: usize = 20;

/// As one JSON object; gives the exit status.
pub fn print_json(outcome: &Outcome) -> Result<u8> {
    say(&serde_json::to_string(outcome).map_err(|_| Error::new("the outcome cannot be printed"))?);
    Ok(outcome.status.code())
}

/// One line for each fact: results to standard output, what is wrong to standard error.
pub fn print(outcome: &Outcome, dry_run: bool) {
    outcome.rejected.iter().for_each(|line| complain(&format!("rejected: {line}")));
    outcome.problems.iter().for_each(|line| complain(&format!("problem: {line}")));
    outcome.notes.iter().for_each(|line| complain(&format!("note: {line}")));
    let would = if dry_run { "would " } else { "" };
    for (word, names) in [("add", &outcome.added), ("change", &outcome.changed), ("remove", &outcome.removed)] {
        if !names.is_empty() {
            let more = names.len().saturating_sub(SHOWN);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            say(&format!("{would}{word}: {}{more}", names[..names.len().min(SHOWN)].join(" ")));
        }
    }
    for (word, units) in [("restart", &outcome.restart_units), ("reload", &outcome.reload_units)] {
        if !units.is_empty() {
            say(&format!("{would}{word}: {}", units.join(" ")));
        }
    }
    let users = count(outcome.users, "user");
    let counts =
        [count(outcome.secrets, "secret"), count(outcome.templates, "template"), format!("authorized keys of {users}")];
    let shown = [true, outcome.templates > 0, outcome.users > 0];
    let counts: Vec<_> = counts.iter().zip(shown).filter(|(_, shown)| *shown).map(|(text, _)| text.as_str()).collect();
    let counts = counts.join(", ");
    let from = match (&outcome.bundle, outcome.generation) {
        (Some(bundle), Some(generation)) => format!("generation {generation} of {bundle}: {counts}"),
        _ => counts,
    };
    let done = if dry_run { "would install" } else { "installed" };
    match outcome.status {
        Status::Done => say(&format!("{done} {from}")),
        Status::Degraded => say(&format!("{done}, with {} set apart: {from}", outcome.problems.len())),
        Status::KeysOnly => {
            say(&format!("{done} only authorized keys, of {users}; the previous secrets stay"));
        }
        Status::Failed | Status::Unknown => say("failed: nothing was changed"),
    }
}

/// "1 secret", "2 secrets"
fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
