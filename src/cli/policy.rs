//! `policy`: rules that decide who may get what.

use crate::base::files::{self, Place};
use crate::base::{HostName, Result, SecretName};
use crate::cli::args::PolicyCommand;
use crate::cli::context::Context;
use crate::cli::policy_matrix;
use crate::cli::ui::{Tone, count};
use crate::keys::UserKeys;
use crate::policy::{self, Gate, Leeway, Level};
use serde_json::json;

pub(super) fn run(context: &Context, command: &PolicyCommand) -> Result<bool> {
    match command {
        PolicyCommand::Check => check(context),
        PolicyCommand::Test => test(context),
        PolicyCommand::Explain { host, secret } => explain(context, host, secret),
        PolicyCommand::Matrix { html } => {
            let repository = context.repository()?;
            let keys = UserKeys::load(&repository)?;
            let matrix = policy::matrix(&Gate::open(&repository, &keys, Leeway::None)?)?;
            if let Some(path) = html {
                let _lock = context.lock_directory(&path.above())?;
                files::sweep_beside(path);
                files::write_output(path, policy::page(&matrix).as_bytes(), files::PUBLIC)?;
                context.ui.did("written", &path.display());
                return Ok(true);
            }
            policy_matrix::show(context, &matrix);
            Ok(true)
        }
    }
}

fn check(context: &Context) -> Result<bool> {
    let repository = context.repository()?;
    let level = repository.manifest().policy;
    let (engine, problems) = policy::read(&repository, level)?;
    if problems.is_empty() {
        Gate::open(&repository, &UserKeys::load(&repository)?, Leeway::None)?;
    }
    let counted = engine.counted();
    if context.ui.json() {
        let of = |problem: &policy::Problem| {
            let (line, column) = problem.at.unzip();
            json!({ "file": problem.file, "line": line, "column": column, "message": problem.message, "hint": problem.hint })
        };
        context.ui.out_json(&json!({
            "policy": level.as_str(),
            "rules": { "permit": counted.permit, "forbid": counted.forbid, "warn": counted.warn },
            "problems": problems.iter().map(of).collect::<Vec<_>>(),
        }));
        return Ok(problems.is_empty());
    }
    for problem in &problems {
        context.ui.finding(&problem.place(), ("error", Tone::Bad), &problem.message);
        context.ui.hint(&problem.hint);
    }
    if problems.is_empty() {
        let own = engine.rules().iter().filter(|rule| !rule.is_built_in()).count();
        context.ui.did(
            "good",
            &format!("policy {}: {}, {own} of them your own", level.as_str(), count(engine.rules().len(), "rule")),
        );
    } else {
        context.ui.note("Every command that asks the policies stops until this is mended.");
    }
    Ok(problems.is_empty())
}

fn test(context: &Context) -> Result<bool> {
    let results = policy::run_tests(&context.repository()?)?;
    let failed = results.iter().filter(|result| result.problem.is_some()).count();
    if context.ui.json() {
        let of = |result: &policy::CaseResult| {
            json!({
                "file": result.file, "line": result.line, "name": result.case.name,
                "good": result.problem.is_none(), "problem": result.problem,
            })
        };
        context.ui.out_json(&results.iter().map(of).collect::<Vec<_>>());
        return Ok(failed == 0);
    }
    for result in &results {
        let place = format!("{}:{}", result.file, result.line);
        match &result.problem {
            Some(problem) => {
                let rest = format!(" {place}: {}: {problem}", result.case.name);
                context.ui.words(&[("failed", Tone::Bad), (&rest, Tone::Plain)]);
            }
            None => context.ui.detail(&format!("good {place}: {}", result.case.name)),
        }
    }
    if results.is_empty() {
        context.ui.note("There are no tests: write policies/tests/NAME.toml, see docs/policies.md");
    } else {
        context.ui.out(&format!("{}, {failed} failed", count(results.len(), "case")));
    }
    Ok(failed == 0)
}

fn explain(context: &Context, host: &HostName, secret: &SecretName) -> Result<bool> {
    let repository = context.repository()?;
    let keys = UserKeys::load(&repository)?;
    let explained = policy::explain(&Gate::open(&repository, &keys, Leeway::None)?, host, secret)?;
    if context.ui.json() {
        let parts: Vec<_> = explained
            .parts
            .iter()
            .map(|part| {
                json!({
                    "rule": part.rule.id, "effect": part.level.as_str(), "applies": part.applies,
                    "reason": part.rule.reason, "fix": part.rule.fix, "place": part.rule.place,
                })
            })
            .collect();
        context.ui.out_json(&json!({
            "host": host, "secret": secret, "selected": explained.selected, "allowed": explained.allowed, "rules": parts,
        }));
        return Ok(true);
    }
    let (word, tone) = if explained.allowed { ("allowed", Tone::Good) } else { ("denied", Tone::Bad) };
    let given = if explained.selected { "gives" } else { "does not give" };
    context.ui.words(&[(word, tone), (&format!(": pkeys.toml {given} {secret} to {host}"), Tone::Plain)]);
    for part in &explained.parts {
        let (word, tone) = match (part.applies, part.level) {
            (false, _) => ("no    ", Tone::Dim),
            (true, Level::Permit) => ("permit", Tone::Good),
            (true, Level::Forbid) => ("forbid", Tone::Bad),
            (true, Level::Warn) => ("warn  ", Tone::Warn),
        };
        let rule = &part.rule;
        let said = if part.applies { format!(": {}", rule.reason) } else { ": does not apply".into() };
        let rest = format!(" {} ({}){said}", rule.id, rule.place);
        context.ui.words(&[("  ", Tone::Plain), (word, tone), (&rest, Tone::Plain)]);
        if part.applies && part.level != Level::Permit {
            let rest = format!(" {}", rule.fix);
            context.ui.words(&[("         ", Tone::Plain), ("fix:", Tone::Good), (&rest, Tone::Plain)]);
        }
    }
    Ok(true)
}
