//! `adopt`: takes over SSH keys that stand in Nix files.

use crate::adopt::{Adoption, adopt, take};
use crate::base::{Error, HostName, Result};
use crate::cli::args::Adopt;
use crate::cli::context::Context;
use crate::cli::ui::{Tone, Ui, count};
use crate::git::uncommitted;
use crate::keys::UserKeys;
use crate::manifest::Repository;
use crate::nixfiles::Left;
use crate::policy::{Gate, Leeway};
use serde_json::json;

pub(super) fn run(context: &Context, args: &Adopt) -> Result<bool> {
    let repository = context.repository()?;
    let plan = plan(&repository, args)?;
    show(context, &plan, args.dry_run);
    if args.dry_run || plan.changed.is_empty() {
        return Ok(plan.left.is_empty());
    }
    refuse_uncommitted(&repository, args.force)?;
    ask_policies(context, &repository, &plan)?;
    if !args.yes && !confirmed(context)? {
        return Ok(false);
    }
    let mut repository = context.lock(repository)?;
    if self::plan(&repository, args)? != plan {
        return Err(
            Error::new("the repository was changed meanwhile; nothing was changed by pkeys").hint("run it again")
        );
    }
    take(&mut repository, &plan)?;
    let hosts = plan.taken.iter().flat_map(|taken| &taken.hosts).collect::<std::collections::BTreeSet<_>>();
    context.ui.note(&format!("{} moved to keys.toml.", count(plan.taken.len(), "key")));
    context.ui.note(&format!(
        "next: look at `git diff`, then `pkeys render`, then deploy {}. A configuration fails to build while its bundle \
         lacks the keys.",
        count(hosts.len(), "host")
    ));
    Ok(plan.left.is_empty())
}

fn plan(repository: &Repository, args: &Adopt) -> Result<Adoption> {
    let hosts = if args.hosts.is_empty() { Vec::new() } else { repository.hosts(&args.hosts)? };
    adopt(repository, &UserKeys::load(repository)?, &args.paths, &hosts, args.user.as_ref())
}

/// Refuses keys that a policy forbids, before anything is written.
fn ask_policies(context: &Context, repository: &Repository, plan: &Adoption) -> Result<()> {
    let known = UserKeys::load(repository)?;
    let gate = Gate::open(repository, &plan.keys, Leeway::None)?;
    for key in plan.keys.all().iter().filter(|key| known.find(&key.user, &key.label, key.state).is_none()) {
        gate.admit(key)?.lines().iter().for_each(|warning| context.ui.warn(warning));
    }
    Ok(())
}

/// Refuses to mix what pkeys changes with what is not committed.
pub(super) fn refuse_uncommitted(repository: &Repository, force: bool) -> Result<()> {
    let files = if force { Vec::new() } else { uncommitted(repository.root())? };
    let Some(first) = files.first() else { return Ok(()) };
    let more = if files.len() > 1 { format!(" and {} more", files.len() - 1) } else { String::new() };
    Err(Error::new(format!("{}{more} differ from the last commit; nothing was changed", first.display()))
        .hint("commit them first, so that the change of pkeys can be seen alone; or add --force"))
}

fn confirmed(context: &Context) -> Result<bool> {
    context.prompt.confirm("Change these files?").ok_or_else(|| {
        Error::new("there is no terminal to ask at; nothing was changed").hint("look at the changes, and add --yes")
    })
}

fn show(context: &Context, plan: &Adoption, dry_run: bool) {
    let ui = &context.ui;
    if ui.json() {
        return ui.out_json(&as_json(plan, dry_run));
    }
    for changed in &plan.changed {
        ui.diff(&changed.path.display().to_string(), &changed.old, &changed.new);
    }
    let rows = plan.taken.iter().map(|taken| {
        let hosts: Vec<_> = taken.hosts.iter().map(HostName::as_str).collect();
        vec![
            (taken.user.to_string(), Tone::Bold),
            (taken.label.to_string(), Tone::Plain),
            (hosts.join(", "), Tone::Plain),
            (taken.fingerprint.clone(), Tone::Dim),
        ]
    });
    ui.table(&rows.collect::<Vec<_>>());
    warn_left(ui, &plan.left);
    match (plan.changed.is_empty(), plan.left.is_empty()) {
        (true, true) => ui.note("No SSH keys stand in the Nix files."),
        (true, false) => ui.note("Nothing can be taken over; see the warnings."),
        (false, _) => ui.note(&format!("{} in {}", count(plan.taken.len(), "key"), count(plan.changed.len(), "file"),)),
    }
}

/// What is left for a person, a line each.
pub(super) fn warn_left(ui: &Ui, all: &[Left]) {
    for left in all {
        let line = left.line.map_or_else(String::new, |line| format!(":{line}"));
        ui.warn(&format!("{}{line}: {} ({})", left.file.display(), left.why, left.next));
    }
}

fn as_json(plan: &Adoption, dry_run: bool) -> serde_json::Value {
    let taken = plan.taken.iter().map(|taken| {
        let from: Vec<_> = taken.from.iter().map(|(file, line)| json!({ "file": file, "line": line })).collect();
        json!({
            "user": taken.user, "label": taken.label, "fingerprint": taken.fingerprint, "hosts": taken.hosts, "from": from,
        })
    });
    let left = plan.left.iter();
    let left = left.map(|left| json!({ "file": left.file, "line": left.line, "why": left.why, "next": left.next }));
    json!({
        "dry_run": dry_run,
        "taken": taken.collect::<Vec<_>>(),
        "left": left.collect::<Vec<_>>(),
        "files": plan.changed.iter().map(|changed| &changed.path).collect::<Vec<_>>(),
    })
}
