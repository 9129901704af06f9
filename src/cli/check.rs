//! `check`: mistakes in pkeys.toml and keys.toml, with file, line and a hint.

use crate::base::Result;
use crate::cli::context::Context;
use crate::cli::ui::{Tone, count};
use crate::manifest::Repository;
use crate::policy::{self, Leeway};
use crate::render::Sources;
use crate::{escrow, keys, manifest};
use serde_json::json;

pub(super) fn run(context: &Context) -> Result<bool> {
    let repository = context.repository()?;
    let mut findings = manifest::check(&repository);
    findings.extend(keys::check(&repository, keys::today()));
    findings.extend(escrow::check(&repository, keys::today()));
    findings.extend(policy(context, &repository)?);
    let errors = findings.iter().filter(|finding| finding.serious).count();
    if context.ui.json() {
        let all: Vec<_> = findings
            .iter()
            .map(|f| {
                let level = if f.serious { "error" } else { "warning" };
                json!({ "level": level, "file": f.file, "line": f.line, "message": f.message, "hint": f.hint })
            })
            .collect();
        context.ui.out_json(&all);
        return Ok(errors == 0);
    }
    for finding in &findings {
        let place = finding.line.map_or_else(|| finding.file.clone(), |line| format!("{}:{line}", finding.file));
        let (word, tone) = if finding.serious { ("error", Tone::Bad) } else { ("warning", Tone::Warn) };
        context.ui.finding(&place, (word, tone), &finding.message);
        if !finding.hint.is_empty() {
            context.ui.hint(&finding.hint);
        }
    }
    let warnings = findings.len() - errors;
    let manifest = repository.manifest();
    context.ui.note(&format!(
        "{}, {}: {}, {}",
        count(manifest.hosts.len(), "host"),
        count(manifest.secrets.len(), "secret"),
        count(errors, "error"),
        count(warnings, "warning")
    ));
    Ok(errors == 0)
}

/// What the policies say; nothing where `keys.toml` cannot be read, which is said already.
fn policy(context: &Context, repository: &Repository) -> Result<Vec<manifest::Finding>> {
    let Ok(user_keys) = keys::UserKeys::load(repository) else { return Ok(Vec::new()) };
    let keys = context.keys()?;
    let operator = Sources::new(repository, &keys).operator();
    policy::check(&policy::Gate::open(repository, &user_keys, Leeway::None)?, &operator)
}
