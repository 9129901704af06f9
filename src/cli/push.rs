//! `push`: sends bundles to their hosts.

use crate::base::Result;
use crate::cli::args::Push;
use crate::cli::context::Context;
use crate::cli::ui::{Tone, count, error_json};
use crate::policy::Warnings;
use crate::push::{self, Options, Pushed};
use pkeys_bundle::wire::Status;
use serde_json::{Value, json};

pub(super) fn run(context: &Context, args: &Push) -> Result<bool> {
    let repository = context.repository()?;
    let hosts = repository.hosts(&args.hosts)?;
    let options = Options {
        at_once: args.jobs,
        allow_rollback: args.allow_rollback,
        overwrite: args.overwrite,
        ..Options::default()
    };
    let bar = context.ui.progress("pushing", hosts.len());
    let pushed = push::push(&repository, &hosts, options, |_| bar.inc(1))?;
    bar.finish_and_clear();
    if context.ui.json() {
        context.ui.out_json(&pushed.iter().map(as_json).collect::<Vec<_>>());
    } else {
        context.ui.table(&pushed.iter().map(row).collect::<Vec<_>>());
        let mut warnings = Warnings::default();
        for one in &pushed {
            say(context, one);
            warnings.extend(one.warnings.clone());
        }
        warnings.lines().iter().for_each(|line| context.ui.warn(line));
        let failed = pushed.iter().filter(|one| one.result.is_err()).count();
        let total = count(pushed.len(), "host");
        context.ui.note(&if failed == 0 { total } else { format!("{total}, {failed} failed") });
    }
    Ok(pushed.iter().all(|one| one.result.is_ok()))
}

/// The word for what became of a host.
fn word(pushed: &Pushed) -> (&'static str, Tone) {
    let Ok(answer) = &pushed.result else { return ("failed", Tone::Bad) };
    match answer.activation.as_ref().map(|activation| activation.status) {
        Some(Status::Done) if answer.previous == pushed.generation => ("unchanged", Tone::Dim),
        Some(Status::Done) => ("pushed", Tone::Good),
        Some(Status::Degraded) => ("degraded", Tone::Warn),
        _ => ("not active", Tone::Bad),
    }
}

fn row(pushed: &Pushed) -> Vec<(String, Tone)> {
    let (word, tone) = word(pushed);
    let generation = pushed.generation.map_or(String::new(), |g| format!("generation {g}"));
    vec![(pushed.host.to_string(), Tone::Bold), (word.into(), tone), (generation, Tone::Dim)]
}

/// What goes with the row: why it failed, what was set apart.
fn say(context: &Context, pushed: &Pushed) {
    match &pushed.result {
        Err(e) => context.ui.error(&e.clone().context(&pushed.host)),
        Ok(answer) => {
            for problem in answer.activation.iter().flat_map(|activation| &activation.problems) {
                context.ui.warn(&format!("{}: {problem}", pushed.host));
            }
        }
    }
}

fn as_json(pushed: &Pushed) -> Value {
    let answer = pushed.result.as_ref().ok();
    json!({
        "host": pushed.host,
        "state": word(pushed).0,
        "generation": pushed.generation,
        "previous": answer.and_then(|answer| answer.previous),
        "problems": answer.and_then(|a| a.activation.as_ref()).map(|activation| &activation.problems),
        "warnings": pushed.warnings.lines(),
        "error": pushed.result.as_ref().err().map(error_json),
    })
}
