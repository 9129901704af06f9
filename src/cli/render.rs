//! `render`: seals and signs the bundles of hosts whose inputs changed.

use crate::audit;
use crate::base::{Error, Result};
use crate::cli::args::Render;
use crate::cli::break_glass::keep_escrow;
use crate::cli::context::Context;
use crate::cli::question;
use crate::cli::ui::{Tone, count, error_json};
use crate::grants;
use crate::policy::{Leeway, Warnings};
use crate::render::{self, HostPlan, Rendered, Sources, State};
use serde_json::{Value, json};

pub(super) fn run(context: &Context, args: &Render) -> Result<bool> {
    let repository = if args.dry_run { context.repository()? } else { context.locked_repository()? };
    let keys = context.keys()?;
    let sources = Sources::new(&repository, &keys);
    let hosts = repository.hosts(&args.hosts)?;
    if args.dry_run {
        question::show_unaccepted(context, &repository, &grants::unaccepted(&repository, &hosts)?)?;
    } else {
        question::settle(context, &repository, &hosts, args.accept)?;
    }
    let plans = render::plan(&repository, &sources, &hosts, args.force, Leeway::None)?;
    let stale = plans.iter().filter(|plan| matches!(plan.state, State::Stale { .. })).count();
    let rendered = if args.dry_run {
        Vec::new()
    } else {
        let bar = context.ui.progress("rendering", stale);
        // Reading the values comes first, and may take a while.
        bar.tick();
        let rendered = render::run(&repository, &sources, &keys, &plans, &|_| bar.inc(1))?;
        bar.finish_and_clear();
        rendered
    };
    sources.warnings().iter().for_each(|warning| context.ui.warn(warning));
    if !context.ui.json() {
        all_warnings(&plans).lines().iter().for_each(|line| context.ui.warn(line));
    }
    if !args.dry_run {
        keep_escrow(context, &repository, &sources, &keys);
    }
    let logged = audit::append(&repository, &render::actions(&plans, &rendered));
    let good = report(context, &plans, &rendered, args.dry_run);
    logged.map(|()| good)
}

/// What the policies warn of, of all hosts together.
fn all_warnings(plans: &[HostPlan]) -> Warnings {
    let mut all = Warnings::default();
    plans.iter().for_each(|plan| all.extend(plan.warnings.clone()));
    all
}

/// One line for each host and a total. Returns whether all went well.
fn report(context: &Context, plans: &[HostPlan], rendered: &[Rendered], dry_run: bool) -> bool {
    let lines: Vec<_> = plans.iter().map(|plan| Line::of(plan, rendered, dry_run)).collect();
    let failed = lines.iter().filter(|line| line.word == "failed").count();
    if context.ui.json() {
        context.ui.out_json(&lines.iter().map(Line::json).collect::<Vec<_>>());
        return failed == 0;
    }
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            let generation = line.generation.map_or(String::new(), |g| format!("generation {g}"));
            vec![
                (line.host.clone(), Tone::Bold),
                (line.word.into(), line.tone),
                (generation, Tone::Dim),
                (line.reasons.join(" "), Tone::Plain),
            ]
        })
        .collect();
    context.ui.table(&rows);
    let errors: Vec<_> = lines.iter().filter_map(|line| Some((&line.host, line.error.as_ref()?))).collect();
    for (at, (host, error)) in errors.iter().enumerate() {
        // When a server is away a thousand hosts have the same next step: it is said once, after the last of them.
        let again = errors.get(at + 1).is_some_and(|(_, next)| next.next_step() == error.next_step());
        let error = if again { Error::new(error.message()) } else { (*error).clone() };
        context.ui.error(&error.context(host));
    }
    let number = |word: &str| lines.iter().filter(|line| line.word == word).count();
    let parts: Vec<_> = ["rendered", "would render", "unchanged", "failed"]
        .into_iter()
        .map(|word| (number(word), word))
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}"))
        .collect();
    let total = count(lines.len(), "host");
    context.ui.note(&if parts.is_empty() {
        format!("{total}: `pkeys host add NAME --scan ADDRESS`")
    } else {
        format!("{total}: {}", parts.join(", "))
    });
    if number("rendered") > 0 {
        context.ui.note("next: commit bundles/ and deploy the hosts");
    }
    failed == 0
}

/// What is said of one host.
struct Line {
    host: String,
    word: &'static str,
    tone: Tone,
    generation: Option<u64>,
    reasons: Vec<String>,
    warnings: Vec<String>,
    error: Option<Error>,
}

impl Line {
    fn of(plan: &HostPlan, rendered: &[Rendered], dry_run: bool) -> Self {
        let before = plan.rendered.as_ref().map(|old| old.generation);
        let line = |word, tone, generation, error: Option<&Error>| Self {
            host: plan.host.to_string(),
            word,
            tone,
            generation,
            reasons: match &plan.state {
                State::Stale { reasons, .. } => reasons.iter().map(ToString::to_string).collect(),
                _ => Vec::new(),
            },
            warnings: plan.warnings.lines(),
            error: error.cloned(),
        };
        match &plan.state {
            State::Unchanged => line("unchanged", Tone::Dim, before, None),
            State::Failed(e) => line("failed", Tone::Bad, before, Some(e)),
            State::Stale { .. } if dry_run => line("would render", Tone::Warn, before, None),
            State::Stale { .. } => match rendered.iter().find(|r| r.host == plan.host).map(|r| &r.result) {
                Some(Ok(generation)) => line("rendered", Tone::Good, Some(*generation), None),
                Some(Err(e)) => line("failed", Tone::Bad, before, Some(e)),
                None => line("failed", Tone::Bad, before, None),
            },
        }
    }

    fn json(&self) -> Value {
        json!({
            "host": self.host,
            "state": self.word,
            "generation": self.generation,
            "reasons": self.reasons,
            "warnings": self.warnings,
            "error": self.error.as_ref().map(error_json),
        })
    }
}
