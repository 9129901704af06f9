//! `scan`: what should not be in git, and what to do about it.

use crate::base::Result;
use crate::cli::args::Scan as Options;
use crate::cli::context::Context;
use crate::cli::ui::{Tone, count};
use crate::scan::{ALLOW_FILE, Commit, Finding, Report, Scan};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Succeeds only when nothing was found, and nothing was left unread that should be read.
pub(super) fn run(context: &Context, options: &Options) -> Result<bool> {
    let path = options.path.as_deref().unwrap_or_else(|| context.place());
    let scan = Scan::prepare(path, options.path.is_none(), options.history)?;
    let bar = context.ui.progress("scanning", scan.steps());
    let report = scan.run(|| bar.inc(1));
    bar.finish_and_clear();
    let good = report.findings.is_empty() && report.is_complete();
    if context.ui.json() {
        context.ui.out_json(&as_json(&report));
        return Ok(good);
    }
    context.ui.table(&report.findings.iter().map(row).collect::<Vec<_>>());
    cures(context, &report, options.history);
    for skipped in &report.skipped {
        let place = if skipped.path.is_empty() { String::new() } else { format!("{}: ", skipped.path) };
        let line = format!("{place}{} ({})", skipped.why, skipped.hint);
        if skipped.failed {
            context.ui.warn(&format!("not read: {line}"))
        } else {
            context.ui.note(&format!("skipped: {line}"))
        }
    }
    for entry in &report.unneeded {
        let (line, path, kind) = (entry.line, &entry.path, entry.kind);
        let step = if options.history { "remove it" } else { "`pkeys scan --history` says whether history needs it" };
        context
            .ui
            .warn(&format!("{ALLOW_FILE}:{line}: {path} {kind} is no longer needed: it matches nothing ({step})"));
    }
    context.ui.note(&summary(&report, options.history));
    Ok(good)
}

fn row(finding: &Finding) -> Vec<(String, Tone)> {
    let mut place = format!("{}:{}", finding.path, finding.line);
    if finding.more > 0 {
        place += &format!(" and {}", count(finding.more, "more place"));
    }
    let since = finding.commit.as_ref().map(|commit| {
        let now = match &finding.now {
            None => ", not in the work tree".into(),
            Some((path, _)) if *path == finding.path => String::new(),
            Some((path, line)) => format!(", now {path}:{line}"),
        };
        format!("since {} {}{now}", short(commit), day(commit))
    });
    let mut row = vec![(finding.kind.name.to_owned(), Tone::Bad), (place, Tone::Bold)];
    row.extend(since.map(|since| (since, Tone::Dim)));
    let fingerprint = finding.fingerprint.as_ref().map(|print| format!("  {print}")).unwrap_or_default();
    row.push((finding.masked.clone() + &fingerprint, Tone::Plain));
    row
}

/// What to do, once for each kind; and what then, once.
fn cures(context: &Context, report: &Report, history: bool) {
    let mut kinds: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
    kinds.sort_by_key(|kind| kind.name);
    kinds.dedup_by_key(|kind| kind.name);
    if kinds.is_empty() {
        return;
    }
    context.ui.out("");
    for kind in kinds {
        context.ui.out(&format!("{}: {}", kind.name, kind.cure));
    }
    context.ui.out("Whatever was pushed counts as read by others: git's history stays, so replace the values first.");
    context.ui.out(
        "Then take them out of the files; `git filter-repo` can clean history, in every clone, and revokes nothing.",
    );
    let first = &report.findings[0];
    let (path, kind) = (&first.path, first.kind.name);
    context
        .ui
        .note(&format!("What is no secret, such as a test's key, may stay: `{path} {kind}  # why` in {ALLOW_FILE}."));
    if !history {
        context.ui.note("History was not looked at: `pkeys scan --history`.");
    }
}

fn summary(report: &Report, history: bool) -> String {
    let mut all = vec![count(report.files, "file")];
    if history {
        all.extend([count(report.commits, "commit"), count(report.blobs, "version") + " of files"]);
    }
    all.push(count(report.findings.len(), "finding"));
    if report.allowed > 0 {
        all.push(format!("{} allowed", report.allowed));
    }
    if !report.skipped.is_empty() {
        all.push(format!("{} skipped", report.skipped.len()));
    }
    all.join(", ")
}

fn short(commit: &Commit) -> &str {
    &commit.id[..commit.id.len().min(10)]
}

fn day(commit: &Commit) -> String {
    Timestamp::from_second(commit.time).map_or_else(|_| "?".into(), |time| time.strftime("%Y-%m-%d").to_string())
}

fn as_json(report: &Report) -> Value {
    json!({
        "findings": report.findings.iter().map(finding_json).collect::<Vec<_>>(),
        "allowed": report.allowed,
        "unneeded": report.unneeded.iter().map(|entry| {
            json!({ "line": entry.line, "path": entry.path, "kind": entry.kind, "reason": entry.reason })
        }).collect::<Vec<_>>(),
        "skipped": report.skipped.iter().map(|skipped| {
            json!({ "path": skipped.path, "why": skipped.why, "hint": skipped.hint, "failed": skipped.failed })
        }).collect::<Vec<_>>(),
        "complete": report.is_complete(),
        "files": report.files,
        "commits": report.commits,
        "blobs": report.blobs,
    })
}

fn finding_json(finding: &Finding) -> Value {
    let date = |commit: &Commit| Timestamp::from_second(commit.time).ok().map(|time| time.to_string());
    json!({
        "kind": finding.kind.name,
        "path": finding.path,
        "line": finding.line,
        "commit": finding.commit.as_ref().map(|commit| &commit.id),
        "date": finding.commit.as_ref().and_then(date),
        "work_tree": finding.now.as_ref().map(|(path, line)| json!({ "path": path, "line": line })),
        "masked": finding.masked,
        "fingerprint": finding.fingerprint,
        "more": finding.more,
        "cure": finding.kind.cure,
    })
}
