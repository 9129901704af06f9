//! `log`: who changed what, and when; and whether the log was changed afterwards.

use crate::audit::{self, Chain, Entry};
use crate::base::Result;
use crate::cli::args::Log;
use crate::cli::context::Context;
use crate::cli::ui::{Tone, count};
use serde_json::{Value, json};

pub(super) fn run(context: &Context, args: &Log) -> Result<bool> {
    let chain = audit::read(&context.repository()?)?;
    if args.verify {
        return Ok(verify(context, &chain));
    }
    if context.ui.json() {
        let entries: Vec<_> = chain.entries.iter().map(|(_, entry)| entry).collect();
        context.ui.out_json(&entries);
        return Ok(true);
    }
    if chain.entries.is_empty() {
        context.ui.note("Nothing was changed yet.");
    }
    context.ui.table(&chain.entries.iter().map(|(_, entry)| row(entry)).collect::<Vec<_>>());
    if !chain.problems.is_empty() {
        context.ui.warn("this log is not one unbroken chain: `pkeys log --verify`");
    }
    Ok(true)
}

fn row(entry: &Entry) -> Vec<(String, Tone)> {
    let details: Vec<_> = entry.details.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
    vec![
        (entry.time.clone(), Tone::Dim),
        (entry.who.clone(), Tone::Plain),
        (entry.action.clone(), Tone::Bold),
        (details.join(" "), Tone::Plain),
    ]
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Says what does not hold, or that all does.
fn verify(context: &Context, chain: &Chain) -> bool {
    let whole = chain.problems.is_empty();
    if context.ui.json() {
        let said = |p: &audit::Problem| json!({ "message": p.message(), "hint": p.hint() });
        let problems: Vec<_> = chain.problems.iter().map(said).collect();
        context.ui.out_json(&json!({ "entries": chain.entries.len(), "whole": whole, "problems": problems }));
        return whole;
    }
    for problem in &chain.problems {
        context.ui.out(&format!("{}: {}", audit::LOG_FILE, problem.message()));
        context.ui.hint(problem.hint());
    }
    if whole {
        let number = chain.entries.len();
        let entries = if number == 1 { "1 entry".to_owned() } else { format!("{number} entries") };
        context.ui.words(&[("verified", Tone::Good), (&format!(" {entries}, one unbroken chain"), Tone::Plain)]);
    } else {
        context.ui.note(&count(chain.problems.len(), "problem"));
    }
    whole
}
