//! `import`: takes over what other tools are told.

use crate::base::{Error, HostName, Result};
use crate::cli::adopt::{refuse_uncommitted, warn_left};
use crate::cli::args::{Import as Args, ImportFrom};
use crate::cli::context::Context;
use crate::cli::ui::{Tone, count};
use crate::import::{Import, Tool, Values, compared, import, missing, pending, take};
use crate::manifest::Repository;
use crate::operator::{Config, Keys};
use serde_json::{Value, json};

pub(super) fn run(context: &Context, args: &Args) -> Result<bool> {
    let repository = context.repository()?;
    let plan = plan(&repository, args)?;
    show(context, &plan, args);
    let pending = pending(&repository, &plan)?.len();
    if args.dry_run || pending == 0 && (plan.changed.is_empty() || !args.rewrite) {
        if pending == 0 && !plan.taken.is_empty() {
            context.ui.note("All of them are in pkeys.toml already.");
        }
        return Ok(plan.left.is_empty());
    }
    refuse_uncommitted(&repository, args.force)?;
    if !args.yes && !confirmed(context)? {
        return Ok(false);
    }
    let mut config = Config::load()?;
    config.identities.extend(args.identities.iter().cloned());
    let keys = Keys::new(config, context.prompt.clone(), context.remember());
    // Passphrases are asked for before the repository is locked.
    let opens = !missing(&repository, &plan)?.is_empty() || !compared(&repository, &plan)?.is_empty();
    let identities = if opens { Some(keys.identities()?) } else { None };
    let mut repository = context.lock(repository)?;
    if self::plan(&repository, args)? != plan {
        return Err(Error::new("the repository was changed meanwhile; pkeys changed nothing").hint("run it again"));
    }
    let root = repository.root().to_owned();
    let tell = |line: &str| context.ui.warn(&format!("sops: {line}"));
    let mut values = Values::new(&root, identities.as_deref().map_or(&[], Vec::as_slice), &tell);
    let bar = context.ui.progress("opening", missing(&repository, &plan)?.len());
    let taken = take(&mut repository, &keys, &mut values, &plan, args.rewrite, &|| bar.inc(1));
    bar.finish_and_clear();
    taken?;
    next(context, &plan, args);
    Ok(plan.left.is_empty())
}

fn plan(repository: &Repository, args: &Args) -> Result<Import> {
    let hosts = if args.hosts.is_empty() { Vec::new() } else { repository.hosts(&args.hosts)? };
    import(repository, tool(args.tool), &hosts)
}

fn tool(from: ImportFrom) -> Tool {
    match from {
        ImportFrom::Opnix => Tool::Opnix,
        ImportFrom::SopsNix => Tool::SopsNix,
        ImportFrom::Agenix => Tool::Agenix,
        ImportFrom::AgenixRekey => Tool::AgenixRekey,
    }
}

fn confirmed(context: &Context) -> Result<bool> {
    context.prompt.confirm("Take these over?").ok_or_else(|| {
        Error::new("there is no terminal to ask at; nothing was changed").hint("look at the plan, and add --yes")
    })
}

fn show(context: &Context, plan: &Import, args: &Args) {
    let ui = &context.ui;
    if ui.json() {
        return ui.out_json(&as_json(plan, args));
    }
    if args.rewrite {
        for changed in &plan.changed {
            ui.diff(&changed.path.display().to_string(), &changed.old, &changed.new);
        }
    } else {
        for (file, lines) in &plan.lines {
            ui.words(&[(&format!("# {}", file.display()), Tone::Bold)]);
            ui.text(lines);
        }
    }
    let rows = plan.taken.iter().map(|taken| {
        let hosts: Vec<_> = taken.hosts.iter().map(HostName::as_str).collect();
        vec![
            (taken.name.to_string(), Tone::Bold),
            (taken.reference().to_string(), Tone::Dim),
            (hosts.join(", "), Tone::Plain),
        ]
    });
    ui.table(&rows.collect::<Vec<_>>());
    warn_left(ui, &plan.left);
    if plan.taken.is_empty() {
        ui.note(&format!("Nothing of {} can be taken over.", tool(args.tool).as_str()));
    }
}

fn next(context: &Context, plan: &Import, args: &Args) {
    context.ui.note(&format!("{} are in pkeys.toml now.", count(plan.taken.len(), "secret")));
    let lines =
        if args.rewrite { "look at `git diff`" } else { "put the lines above into the files, or use --rewrite" };
    context.ui.note(&format!("next: {lines}; `pkeys render`; deploy. Old ciphertext stays in git's history."));
}

fn as_json(plan: &Import, args: &Args) -> Value {
    let taken = plan.taken.iter().map(|taken| {
        let from: Vec<_> = taken.from.iter().map(|(file, line)| json!({ "file": file, "line": line })).collect();
        json!({ "secret": taken.name, "reference": taken.reference(), "hosts": taken.hosts, "from": from })
    });
    let lines = plan.lines.iter().map(|(file, lines)| json!({ "file": file, "lines": lines }));
    let left = plan.left.iter();
    let left = left.map(|left| json!({ "file": left.file, "line": left.line, "why": left.why, "next": left.next }));
    json!({
        "dry_run": args.dry_run,
        "taken": taken.collect::<Vec<_>>(),
        "lines": lines.collect::<Vec<_>>(),
        "left": left.collect::<Vec<_>>(),
        "files": if args.rewrite { plan.changed.iter().map(|changed| json!(changed.path)).collect() } else { Vec::new() },
    })
}
