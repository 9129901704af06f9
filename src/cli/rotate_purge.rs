//! `rotate --purge`: deletes old private halves whose time is over.

use crate::base::Result;
use crate::cli::args::Rotate;
use crate::cli::context::Context;
use crate::cli::rotate::{commits, repository};
use crate::cli::ui::error_json;
use crate::rotate::purge;
use serde_json::json;

pub(super) fn run(context: &Context, args: &Rotate) -> Result<bool> {
    let repository = repository(context, args)?;
    let commits = commits(&repository, args)?;
    let found = purge(&repository, &context.keys()?, args.dry_run)?;
    if let Some(commits) = commits {
        commits.step("pkeys rotate --purge")?;
    }
    let word = |over: bool| match (over, args.dry_run) {
        (false, _) => "kept",
        (true, true) => "would delete",
        (true, false) => "deleted",
    };
    let good = found.iter().all(|(_, one)| one.is_ok());
    if context.ui.json() {
        let all: Vec<_> = found
            .iter()
            .map(|(place, one)| {
                json!({
                    "user": place.user,
                    "label": place.label.to_string(),
                    "state": one.as_ref().map_or("failed", |one| word(one.over)),
                    "until": one.as_ref().ok().map(|one| &one.until),
                    "error": one.as_ref().err().map(error_json),
                })
            })
            .collect();
        context.ui.out_json(&all);
        return Ok(good);
    }
    if found.is_empty() {
        context.ui.note("No old private half is kept.");
    }
    for (place, one) in &found {
        let name = format!("{} {}", place.user, place.label);
        match one {
            Ok(one) => context.ui.did(word(one.over), &format!("{name} (until {})", one.until)),
            Err(e) => context.ui.error(&e.clone().context(name)),
        }
    }
    Ok(good)
}
