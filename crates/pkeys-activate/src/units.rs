//! What systemd says of pkeys' own units and of those that a spec names.

use crate::Spec;
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

/// The state of each: `active`, `inactive`, `failed`, …, or `not-found`. `None` where systemd does not say.
pub(super) fn states(spec: &Spec) -> Option<BTreeMap<String, String>> {
    let files = spec.secrets.values().map(|secret| &secret.file).chain(spec.templates.values().map(|t| &t.file));
    let named: BTreeSet<&String> = files.flat_map(|file| file.restart_units.iter().chain(&file.reload_units)).collect();
    let mut command = Command::new("systemctl");
    // Patterns find only units that systemd knows, so nobody has to know which ones a host has.
    command.args([
        "show",
        "--no-pager",
        "--property=Id,LoadState,ActiveState",
        "--",
        "pkeys*.service",
        "pkeys*.socket",
    ]);
    let output = command.args(named).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| parse(&String::from_utf8_lossy(&output.stdout)))
}

/// Blocks of `Name=value`, with an empty line between them.
fn parse(text: &str) -> BTreeMap<String, String> {
    let mut states = BTreeMap::new();
    for block in text.split("\n\n") {
        let get = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let (Some(id), Some(active)) = (get("Id"), get("ActiveState")) else { continue };
        // One instance for each connection: they come and go, this report's own among them.
        let passing = id.starts_with("pkeys-receive@") || id.starts_with("pkeys-report@");
        if !passing {
            let state = if get("LoadState") == Some("not-found") { "not-found" } else { active };
            states.insert(id.to_owned(), state.to_owned());
        }
    }
    states
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_units_and_passing_instances_are_left_out() {
        let said = "Id=pkeys-activate.service\nLoadState=loaded\nActiveState=active\n\n\
            LoadState=not-found\nActiveState=inactive\nId=gone.service\n\n\
            Id=app.service\nLoadState=loaded\nActiveState=failed\n\n\
            Id=pkeys-report@3-1-0.service\nLoadState=loaded\nActiveState=active\n";
        let states: Vec<_> = parse(said).into_iter().collect();
        let expected = [("app.service", "failed"), ("gone.service", "not-found"), ("pkeys-activate.service", "active")];
        assert_eq!(states, expected.map(|(id, state)| (id.to_owned(), state.to_owned())));
        assert!(parse("").is_empty());
    }
}
