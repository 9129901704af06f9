//! `status`: where each host stands, reading no secret.

use crate::base::Result;
use crate::cli::context::Context;
use crate::cli::ui::{Tone, count, error_json};
use crate::escrow::last_drill;
use crate::keys::today;
use crate::manifest::Repository;
use crate::policy::Leeway;
use crate::render::{self, HostPlan, Sources, State};
use jiff::{Timestamp, Unit};
use serde_json::json;

/// Fails when the state of a host cannot be said; a stale host is no failure.
pub(super) fn run(context: &Context) -> Result<bool> {
    let repository = context.repository()?;
    let keys = context.keys()?;
    let sources = Sources::new(&repository, &keys);
    let plans = render::plan(&repository, &sources, &repository.hosts(&[])?, false, Leeway::None)?;
    sources.warnings().iter().for_each(|warning| context.ui.warn(warning));
    let known = !plans.iter().any(|plan| matches!(plan.state, State::Failed(_)));
    if context.ui.json() {
        context.ui.out_json(&plans.iter().map(json_of).collect::<Vec<_>>());
        return Ok(known);
    }
    if plans.is_empty() {
        context.ui.note("No hosts yet: `pkeys host add NAME --scan ADDRESS`");
        return Ok(true);
    }
    let heading = ["HOST", "GENERATION", "AGE", "SECRETS", "STATE"].map(|word| (word.to_owned(), Tone::Dim));
    let rows: Vec<_> = std::iter::once(heading.to_vec()).chain(plans.iter().map(row)).collect();
    context.ui.table(&rows);
    for plan in &plans {
        if let State::Failed(e) = &plan.state {
            context.ui.error(&e.clone().context(&plan.host));
        }
    }
    if !repository.manifest().break_glass.recipients.is_empty() {
        context.ui.note(&drilled(&repository)?);
    }
    if plans.iter().any(|plan| matches!(plan.state, State::Stale { .. })) {
        context.ui.note("next: `pkeys render`");
    }
    Ok(known)
}

/// When the break-glass key was last seen to open everything.
fn drilled(repository: &Repository) -> Result<String> {
    Ok(match last_drill(repository)? {
        Some(day) => match day.until(today()).map_or(0, |span| span.get_days()) {
            0 => "last break-glass drill: today".into(),
            days => format!("last break-glass drill: {} ago", count(usize::try_from(days).unwrap_or_default(), "day")),
        },
        None => "no break-glass drill yet: `pkeys break-glass drill`".into(),
    })
}

fn row(plan: &HostPlan) -> Vec<(String, Tone)> {
    let old = plan.rendered.as_ref();
    let (state, tone) = state(plan);
    let dash = || "-".to_owned();
    vec![
        (plan.host.to_string(), Tone::Bold),
        (old.map_or_else(dash, |old| old.generation.to_string()), Tone::Plain),
        (old.map_or_else(dash, |old| age(&old.created)), Tone::Plain),
        (old.map_or_else(dash, |old| old.secrets.len().to_string()), Tone::Plain),
        (state, tone),
    ]
}

fn state(plan: &HostPlan) -> (String, Tone) {
    match &plan.state {
        State::Unchanged => ("in date".into(), Tone::Good),
        State::Stale { .. } if plan.rendered.is_none() => ("not rendered yet".into(), Tone::Warn),
        State::Stale { reasons, .. } => {
            let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
            (format!("stale: {}", reasons.join(" ")), Tone::Warn)
        }
        State::Failed(_) => ("unknown".into(), Tone::Bad),
    }
}

/// `5m`, `3h`, `12d`
fn age(created: &str) -> String {
    let Ok(created) = created.parse::<Timestamp>() else { return "?".into() };
    let seconds = created.until((Unit::Second, Timestamp::now())).map_or(0, |span| span.get_seconds()).max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn json_of(plan: &HostPlan) -> serde_json::Value {
    let old = plan.rendered.as_ref();
    let (word, reasons, error) = match &plan.state {
        State::Unchanged => ("in-date", Vec::new(), None),
        State::Stale { reasons, .. } => ("stale", reasons.iter().map(ToString::to_string).collect(), None),
        State::Failed(e) => ("unknown", Vec::new(), Some(error_json(e))),
    };
    json!({
        "host": plan.host,
        "generation": old.map(|old| old.generation),
        "created": old.map(|old| &old.created),
        "secrets": old.map(|old| old.secrets.len()),
        "state": word,
        "reasons": reasons,
        "error": error,
    })
}
