//! `verify`: checks bundles without decrypting them.

use crate::base::{HostName, Result};
use crate::cli::context::Context;
use crate::cli::ui::{Tone, count};
use crate::grants::Trusted;
use crate::render;
use serde_json::json;

pub(super) fn run(context: &Context, hosts: &[HostName]) -> Result<bool> {
    let repository = context.repository()?;
    let trusted = Trusted::of(&repository)?;
    let verify = |host| (render::verify(&repository, &trusted, &host), host);
    let checked: Vec<_> = repository.hosts(hosts)?.into_iter().map(verify).collect();
    if context.ui.json() {
        let all: Vec<_> = checked
            .iter()
            .map(|(result, host)| match result {
                Ok(good) => json!({ "host": host, "valid": true, "generation": good.manifest.generation, "signer": good.signer }),
                Err(e) => json!({ "host": host, "valid": false, "error": e.message(), "hint": e.next_step() }),
            })
            .collect();
        context.ui.out_json(&all);
        return Ok(checked.iter().all(|(result, _)| result.is_ok()));
    }
    let rows: Vec<_> = checked
        .iter()
        .map(|(result, host)| {
            let (word, tone, more) = match result {
                Ok(good) => {
                    ("valid", Tone::Good, format!("generation {}, signed by {}", good.manifest.generation, good.signer))
                }
                Err(_) => ("invalid", Tone::Bad, String::new()),
            };
            vec![(host.to_string(), Tone::Bold), (word.into(), tone), (more, Tone::Dim)]
        })
        .collect();
    context.ui.table(&rows);
    let mut bad = 0;
    for (result, host) in &checked {
        if let Err(e) = result {
            bad += 1;
            context.ui.error(&e.clone().context(host));
        }
    }
    context.ui.note(&format!("{}: {} valid, {bad} invalid", count(checked.len(), "bundle"), checked.len() - bad));
    Ok(bad == 0)
}
