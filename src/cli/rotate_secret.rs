//! `rotate --secret`: new values for generated secrets.

use crate::base::{HostName, Result};
use crate::cli::args::Rotate;
use crate::cli::context::Context;
use crate::cli::question::settle;
use crate::cli::rotate::{commits, confirmed, repository};
use crate::cli::ui::{count, error_json};
use crate::rotate::{generator, receivers, rotate_secrets};
use serde_json::json;

pub(super) fn run(context: &Context, args: &Rotate) -> Result<bool> {
    let repository = repository(context, args)?;
    for name in &args.secret {
        let (_, generate) = generator(&repository, name)?;
        let hosts = receivers(&repository, std::slice::from_ref(name));
        let names: Vec<_> = hosts.iter().map(HostName::as_str).collect();
        let hosts = count(names.len(), "host");
        // Who can commit can make the next value easy to guess.
        context.ui.note(&format!("{name}: new value, {generate}, on {hosts}: {}", names.join(" ")));
    }
    if args.dry_run || !confirmed(context, args)? {
        return Ok(args.dry_run);
    }
    settle(context, &repository, &receivers(&repository, &args.secret).into_iter().collect::<Vec<_>>(), false)?;
    let commits = commits(&repository, args)?;
    let keys = context.keys()?;
    let done = |host: &_| context.ui.note(&format!("{host}: has the new value"));
    let ends =
        rotate_secrets(&repository, &keys, &args.secret, commits.as_ref(), &done, &|line| context.ui.warn(line))?;
    let failed = ends.iter().filter(|(_, end)| end.is_err()).count();
    if context.ui.json() {
        let all: Vec<_> = ends
            .iter()
            .map(|(host, end)| {
                json!({
                    "host": host,
                    "state": if end.is_ok() { "rotated" } else { "waiting" },
                    "error": end.as_ref().err().map(error_json),
                })
            })
            .collect();
        context.ui.out_json(&all);
        return Ok(failed == 0);
    }
    args.secret.iter().for_each(|name| context.ui.did("rotated", name));
    for (host, end) in &ends {
        if let Err(e) = end {
            context.ui.error(&e.clone().context(host));
        }
    }
    if failed > 0 {
        let them = count(failed, "host");
        context.ui.note(&format!("The old value is still on {them}; then: `pkeys render` and `pkeys push`"));
    }
    Ok(failed == 0)
}
