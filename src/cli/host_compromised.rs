//! `host compromised`: what a host could read, and the commands that take it back, in order. Changes nothing.

use crate::base::{HostName, Result};
use crate::cli::context::Context;
use crate::cli::ui::{Tone, count};
use crate::inspect::{self, Exposed, Exposure, Step, join};
use serde_json::{Value, json};

pub(super) fn run(context: &Context, name: &HostName) -> Result<bool> {
    let repository = context.repository()?;
    repository.hosts(std::slice::from_ref(name))?;
    let exposure = inspect::exposure(&repository, name)?;
    let (steps, notes) = (exposure.steps(), exposure.notes());
    if context.ui.json() {
        context.ui.out_json(&as_json(&exposure, &steps, &notes));
        return Ok(true);
    }
    context.ui.out(&format!("{name} could read {}:", count(exposure.secrets.len(), "secret")));
    context.ui.table(&exposure.secrets.iter().map(row).collect::<Vec<_>>());
    notes.iter().for_each(|note| context.ui.out(note));
    context.ui.out("");
    for (number, step) in steps.iter().enumerate() {
        context.ui.out(&format!("{}. {}", number + 1, step.what));
        if let Some(command) = &step.command {
            context.ui.words(&[("     ", Tone::Plain), (command, Tone::Bold)]);
        }
    }
    exposure.warnings.iter().for_each(|warning| context.ui.warn(warning));
    context.ui.note("Nothing was changed.");
    Ok(true)
}

fn row(secret: &Exposed) -> Vec<(String, Tone)> {
    let shared = match secret.shared.is_empty() {
        true => String::new(),
        false => format!("also on {}", join(&secret.shared)),
    };
    let only = match (secret.wanted, secret.rendered) {
        (true, false) => "not rendered yet",
        (false, true) => "in the bundle, no more in pkeys.toml",
        _ => "",
    };
    vec![
        (format!("  {}", secret.name), Tone::Bold),
        (secret.reference.clone(), Tone::Plain),
        (shared, Tone::Warn),
        (only.into(), Tone::Dim),
    ]
}

fn as_json(exposure: &Exposure, steps: &[Step], notes: &[String]) -> Value {
    let secret = |secret: &Exposed| {
        json!({
            "name": secret.name,
            "reference": secret.reference,
            "wanted": secret.wanted,
            "rendered": secret.rendered,
            "shared": secret.shared,
        })
    };
    json!({
        "host": exposure.host,
        "recipients": exposure.recipients,
        "opens": exposure.opens,
        "secrets": exposure.secrets.iter().map(secret).collect::<Vec<_>>(),
        "users": exposure.users,
        "userKeys": exposure.user_keys.iter().map(|(user, label)| json!({ "user": user, "label": label })).collect::<Vec<_>>(),
        "hosts": exposure.hosts(),
        "notes": notes,
        "warnings": exposure.warnings,
        "steps": steps.iter().map(|step| json!({ "what": step.what, "command": step.command })).collect::<Vec<_>>(),
    })
}
