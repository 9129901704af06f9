//! `rotate --host`: new SSH host keys.

use crate::base::{HostName, Result};
use crate::cli::args::Rotate;
use crate::cli::break_glass::keep_escrow;
use crate::cli::context::Context;
use crate::cli::question::settle;
use crate::cli::rotate::{commits, confirmed, repository};
use crate::cli::ui::{count, error_json};
use crate::manifest::Repository;
use crate::render::Sources;
use crate::rotate::{HostEvent, HostRotation, replaced};
use serde_json::json;

pub(super) fn run(context: &Context, args: &Rotate) -> Result<bool> {
    let mut repository = repository(context, args)?;
    let hosts = repository.hosts(&args.host)?;
    for host in &hosts {
        plan(context, &repository, host)?;
    }
    let begun = hosts.iter().all(|host| repository.manifest().hosts[host].next_host_key.is_some());
    if args.dry_run || !(begun || confirmed(context, args)?) {
        return Ok(args.dry_run);
    }
    settle(context, &repository, &hosts, false)?;
    let commits = commits(&repository, args)?;
    let keys = context.keys()?;
    let mut ends = Vec::new();
    for host in &hosts {
        let tell = |event: &HostEvent| say(context, host, event);
        let rotation = HostRotation {
            keys: &keys,
            host,
            known_hosts: args.known_hosts.as_deref(),
            commits: commits.as_ref(),
            tell: &tell,
        };
        ends.push((host, rotation.run(&mut repository)));
    }
    keep_escrow(context, &repository, &Sources::new(&repository, &keys), &keys);
    if let Some(commits) = &commits {
        commits.step("pkeys rotate: the escrow")?;
    }
    if context.ui.json() {
        let of = |(host, end): &(&HostName, Result<String>)| {
            json!({
                "host": host,
                "state": if end.is_ok() { "rotated" } else { "waiting" },
                "known_hosts": end.as_ref().ok(),
                "error": end.as_ref().err().map(error_json),
            })
        };
        context.ui.out_json(&ends.iter().map(of).collect::<Vec<_>>());
        return Ok(ends.iter().all(|(_, end)| end.is_ok()));
    }
    let lines: Vec<_> = ends.iter().filter_map(|(_, end)| end.as_ref().ok()).collect();
    for (host, end) in &ends {
        match end {
            Ok(_) => context.ui.did("rotated", host),
            Err(e) => context.ui.error(&e.clone().context(host)),
        }
    }
    if !lines.is_empty() && args.known_hosts.is_none() {
        context.ui.note("In every ~/.ssh/known_hosts that names them, in place of their old lines:");
    }
    lines.iter().for_each(|line| context.ui.out(line));
    let waiting = ends.len() - lines.len();
    if waiting > 0 {
        let again: Vec<_> =
            ends.iter().filter(|(_, end)| end.is_err()).map(|(host, _)| format!("--host {host}")).collect();
        let them = count(waiting, "host");
        context
            .ui
            .note(&format!("{them} can still open what they have. Go on with: `pkeys rotate {}`", again.join(" ")));
    }
    Ok(waiting == 0)
}

/// Says what will be done, once it is known that it can be.
fn plan(context: &Context, repository: &Repository, host: &HostName) -> Result<()> {
    repository.manifest().address_of(host).map_err(|e| e.context(host))?;
    let what = match &repository.manifest().hosts[host].next_host_key {
        Some(_) => "go on with its new SSH host key".into(),
        None => {
            let old = count(replaced(repository, host, None).len(), "SSH recipient");
            format!("new SSH host key, prove it, then drop its {old} of before")
        }
    };
    context.ui.note(&format!("{host}: {what}"));
    Ok(())
}

fn say(context: &Context, host: &HostName, event: &HostEvent) {
    context.ui.note(&match event {
        HostEvent::Warned(line) => return context.ui.warn(line),
        HostEvent::Made(fingerprint) => format!("{host}: made a new key, stored and read back: {fingerprint}"),
        HostEvent::Deployed => format!("{host}: has a bundle that brings it"),
        HostEvent::Proven => format!("{host}: its sshd has it"),
        HostEvent::Dropped(old) => format!("{host}: its bundle is sealed no more to {}", old.join(" ")),
    });
}
