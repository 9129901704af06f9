//! `break-glass drill`: proves that the key opens everything.

use crate::audit::{self, Action};
use crate::base::Result;
use crate::cli::args::BreakGlassKey;
use crate::cli::break_glass::identity;
use crate::cli::context::Context;
use crate::cli::ui::{count, error_json};
use crate::escrow::{DRILL, Finding, Opened, Renewed, Trust, drill, renew_trust};
use crate::operator::cut_network;
use serde_json::json;

pub(super) fn run(context: &Context, key: &BreakGlassKey) -> Result<bool> {
    if !cut_network() {
        context.ui.warn("this machine does not let pkeys cut off its own network; nothing here asks for one");
    }
    let repository = context.locked_repository()?;
    let (key, typed) = identity(context, key)?;
    let mut opened = Opened::new(&repository, key, &typed)?;
    let renewed = renew_trust(&opened);
    if let Ok(Renewed::Written(_)) = &renewed {
        opened.trust = Trust::establish(&repository, &typed);
    }
    let steps = repository.manifest().hosts.len() + repository.local_secrets()?.len() + 1;
    let bar = context.ui.progress("opening", steps);
    let mut drill = drill(&opened, &|| bar.inc(1));
    bar.finish_and_clear();
    match renewed {
        Ok(Renewed::No) => {}
        Ok(Renewed::Written(changes)) => {
            context.ui.note(&format!("signed the trust set anew: {}", changes.join(", ")));
        }
        Err(error) => drill.findings.push(Finding { what: "trust set".into(), error }),
    }
    if typed.fleet.is_none() || typed.signer.is_none() {
        context.ui.warn("the lines F, S1 and S2 of the sheet were not typed, and a machine without pins needs them");
        context.ui.note("A sheet that has none of them: print it again, `pkeys break-glass sheet`");
    }
    let good = drill.findings.is_empty();
    if good {
        let [bundles, secrets, keys] = drill.opened.map(|number| number as u64);
        let action = Action::new(DRILL).number("bundles", bundles).number("secrets", secrets).number("keys", keys);
        audit::append(&repository, &[action])?;
    }
    let [bundles, secrets, keys] = drill.opened;
    if context.ui.json() {
        let of = |finding: &Finding| json!({ "what": finding.what, "error": error_json(&finding.error) });
        let findings: Vec<_> = drill.findings.iter().map(of).collect();
        context.ui.out_json(&json!({ "bundles": bundles, "secrets": secrets, "keys": keys, "findings": findings }));
        return Ok(good);
    }
    for finding in &drill.findings {
        context.ui.error(&finding.error.clone().context(&finding.what));
    }
    let opened = [count(bundles, "bundle"), count(secrets, "local secret"), count(keys, "escrowed key")];
    let what = opened.join(", ");
    if good {
        context.ui.did("opened", &what);
        context.ui.note("The break-glass key opens everything, as it is now.");
    } else {
        context
            .ui
            .note(&format!("opened {what}; on the worst day {} would fail", count(drill.findings.len(), "thing")));
    }
    Ok(good)
}
