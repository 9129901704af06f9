//! What `pkeys-activate` on a host answers: one line of JSON, behind whatever else a login prints.

use crate::base::Error;
use crate::remote::ssh;
use serde_json::Value;
use std::process::Output;

/// The line with the answer.
pub(super) fn line(output: &Output) -> &[u8] {
    output.stdout.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap_or_default()
}

/// That the line is no answer.
pub(super) fn none(output: &Output) -> Error {
    match output.status.code() {
        Some(127) => {
            Error::new("pkeys-activate is not there").hint("enable the NixOS module there first: docs/nixos.md")
        }
        _ => Error::new(format!("the host gave no answer that pkeys knows: {}", ssh::last_line(&output.stderr)))
            .hint("are pkeys here and pkeys-activate there of the same release, and may this login push?"),
    }
}

/// All texts without control characters: they reach terminals.
pub(super) fn plain(value: Value) -> Value {
    let text = |text: String| text.chars().filter(|c| !c.is_control()).collect::<String>();
    match value {
        Value::String(it) => text(it).into(),
        Value::Array(all) => all.into_iter().map(plain).collect(),
        Value::Object(all) => all.into_iter().map(|(name, value)| (text(name), plain(value))).collect(),
        other => other,
    }
}
