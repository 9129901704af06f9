//! `host check`: what hosts really have, held against the repository.

use crate::base::Result;
use crate::cli::args::HostCheck;
use crate::cli::context::Context;
use crate::cli::ui::{Tone, count, error_json};
use crate::inspect::{self, Inspected, LoginSeen, Logins, State};
use crate::remote::Login;
use serde_json::{Value, json};

/// Succeeds only when all is well on every host.
pub(super) fn run(context: &Context, args: &HostCheck) -> Result<bool> {
    let repository = context.repository()?;
    let hosts = repository.hosts(&args.hosts)?;
    // Asks for passphrases, so before the bar.
    let logins = if args.logins { Some(Logins::prepare(&repository, &context.keys()?)?) } else { None };
    let bar = context.ui.progress("checking", hosts.len());
    let seen = inspect::inspect(&repository, &hosts, args.jobs, logins.as_ref(), |_| bar.inc(1));
    bar.finish_and_clear();
    let untried = logins.as_ref().map(|logins| &logins.problems[..]).unwrap_or_default();
    if context.ui.json() {
        context.ui.out_json(&seen.iter().map(as_json).collect::<Vec<_>>());
    } else {
        context.ui.table(&seen.iter().map(row).collect::<Vec<_>>());
        for one in &seen {
            one.notes.iter().for_each(|note| context.ui.note(&format!("{}: {note}", one.host)));
            one.findings.iter().for_each(|finding| context.ui.error(&finding.clone().context(&one.host)));
        }
    }
    untried.iter().for_each(|error| context.ui.error(error));
    let good = seen.iter().filter(|one| one.state == State::Ok).count();
    context.ui.note(&format!("{}, {good} ok", count(seen.len(), "host")));
    Ok(good == seen.len() && untried.is_empty())
}

fn row(seen: &Inspected) -> Vec<(String, Tone)> {
    let tone = match seen.state {
        State::Ok => Tone::Good,
        State::Behind | State::Ahead => Tone::Warn,
        State::Degraded | State::Unreachable => Tone::Bad,
    };
    let generation = match (seen.installed, seen.wanted) {
        (Some(there), Some(here)) if there != here => format!("generation {there} of {here}"),
        (Some(there), _) => format!("generation {there}"),
        (None, _) => String::new(),
    };
    let logins = if seen.logins.is_empty() { String::new() } else { count(seen.logins.len(), "login") };
    let wrong = if seen.findings.is_empty() { String::new() } else { count(seen.findings.len(), "finding") };
    let last = [logins, wrong].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
    vec![
        (seen.host.to_string(), Tone::Bold),
        (seen.state.as_str().into(), tone),
        (generation, Tone::Dim),
        (last, Tone::Dim),
    ]
}

fn as_json(seen: &Inspected) -> Value {
    json!({
        "host": seen.host,
        "state": seen.state.as_str(),
        "generation": seen.wanted,
        "installed": seen.installed,
        "version": seen.version,
        "findings": seen.findings.iter().map(error_json).collect::<Vec<_>>(),
        "notes": seen.notes,
        "logins": seen.logins.iter().map(login_json).collect::<Vec<_>>(),
    })
}

fn login_json(login: &LoginSeen) -> Value {
    let word = |login: Login| match login {
        Login::Accepted => "accepted",
        Login::Refused => "refused",
    };
    json!({ "key": login.key, "expected": word(login.expected), "found": login.found.map(word) })
}
