//! A host's report, held against its bundle in the repository. Pure.

use crate::base::{Error, HostName, UserName};
use crate::bundle::Manifest;
use crate::inspect::State;
use crate::keys::AuthorizedLine;
use pkeys_bundle::wire::{Installed, Report};
use std::collections::BTreeSet;

/// Whether a host is behind or ahead; `None` when it has this generation, or nobody knows.
pub(super) fn standing(wanted: u64, installed: Option<&Installed>) -> Option<State> {
    match installed {
        None => Some(State::Behind),
        Some(Installed { secrets: None, authorized_keys, .. }) => authorized_keys.map(|_| State::Behind),
        Some(Installed { secrets: Some(there), .. }) if *there < wanted => Some(State::Behind),
        Some(Installed { secrets: Some(there), .. }) if *there > wanted => Some(State::Ahead),
        Some(_) => None,
    }
}

/// All that is wrong with a host, each with a next step.
pub(super) fn compare(host: &HostName, wanted: &Manifest, report: &Report) -> Vec<Error> {
    let push = format!("`pkeys push {host}`");
    let mut findings = generation(host, wanted, report);
    let rejected = report.rejected.iter().map(|line| Error::new(format!("a bundle there does not count: {line}")));
    findings.extend(rejected.map(|error| error.hint(format!("bring a good one: {push}"))));
    let files = report.files.iter().flat_map(|(file, all)| all.iter().map(move |one| format!("{file}: {one}")));
    findings.extend(files.map(|line| Error::new(line).hint(format!("install it again: {push}"))));
    let hint = format!("correct it there or in its configuration, then {push}; docs/nixos.md says more");
    findings.extend(report.problems.iter().map(|line| Error::new(line).hint(&hint)));
    findings.extend(authorized_keys(wanted, report, &push));
    findings.extend(identities(host, wanted, report));
    findings.extend(report.units.iter().flatten().filter_map(|(unit, state)| unit_problem(unit, state)));
    findings
}

fn generation(host: &HostName, wanted: &Manifest, report: &Report) -> Vec<Error> {
    let (generation, there) = (wanted.generation, report.candidate.as_ref());
    let push = if there.is_some_and(|there| there.generation >= generation) {
        "the bundle is there and was not installed: `journalctl -b -u 'pkeys-*'` there says why".to_owned()
    } else {
        format!("`pkeys push {host}`, or switch the host to the configuration of now")
    };
    let Some(installed) = &report.installed else {
        return vec![
            Error::new(format!("it has nothing installed, and the repository has generation {generation}")).hint(push),
        ];
    };
    match (installed.secrets, installed.authorized_keys) {
        (None, None) => vec![
            Error::new("which generation is installed is not known: an older pkeys-activate installed it")
                .hint(format!("install it again: `pkeys push {host}`")),
        ],
        (None, Some(_)) => {
            vec![Error::new("it has authorized keys and no secrets: no bundle could be opened").hint(push)]
        }
        (Some(secrets), _) if secrets < generation => {
            vec![Error::new(format!("it has generation {secrets}, and the repository {generation}")).hint(push)]
        }
        (Some(secrets), _) if secrets > generation => {
            vec![
                Error::new(format!("it has generation {secrets}, and the repository {generation}"))
                    .hint("somebody rendered and pushed from elsewhere: `git pull`"),
            ]
        }
        (Some(secrets), Some(keys)) if keys != secrets => vec![
            Error::new(format!("its authorized keys are of generation {keys}, its secrets of {secrets}"))
                .hint("the newer bundle could not be opened: `journalctl -b -u 'pkeys-*'` there says why"),
        ],
        _ if there.is_some_and(|there| there.generation == generation && there.payload != wanted.payload.sha256) => {
            vec![
                Error::new(format!("it has another bundle of generation {generation}"))
                    .hint(format!("two operators rendered at once: `git pull`, `pkeys render --force {host}`, push")),
            ]
        }
        _ => Vec::new(),
    }
}

fn authorized_keys(wanted: &Manifest, report: &Report, push: &str) -> Vec<Error> {
    let nothing = Vec::new();
    let known = wanted.authorized_keys.keys().map(UserName::as_str);
    let users: BTreeSet<&str> = known.chain(report.authorized_keys.keys().map(String::as_str)).collect();
    let mut findings = Vec::new();
    for user in users {
        let ours = wanted.authorized_keys.iter().find(|(name, _)| name.as_str() == user);
        let ours: BTreeSet<&String> = ours.map_or(&nothing, |(_, lines)| lines).iter().collect();
        let theirs: BTreeSet<&String> = report.authorized_keys.get(user).unwrap_or(&nothing).iter().collect();
        findings.extend(theirs.difference(&ours).map(|line| {
            Error::new(format!("{user} may log in there with {}, which the repository does not authorize", key(line)))
                .hint(format!("take it away: {push}; if no older bundle had it, find out who put it there"))
        }));
        findings.extend(ours.difference(&theirs).map(|line| {
            Error::new(format!("{user} may not log in there with {}", key(line))).hint(format!("install it: {push}"))
        }));
    }
    findings
}

/// What to call a line of authorized keys.
fn key(line: &str) -> String {
    line.parse::<AuthorizedLine>().map_or_else(
        |_| "a line that is no key".into(),
        |line| format!("{} {}", line.public.fingerprint(), line.public.comment()).trim_end().to_owned(),
    )
}

fn identities(host: &HostName, wanted: &Manifest, report: &Report) -> Option<Error> {
    // Of a plugin's identity the public half is not known.
    let lost = !report.identities.is_empty() && !report.identities.iter().any(|id| wanted.recipients.contains(id));
    lost.then(|| {
        Error::new(format!("its bundle is not sealed to a key that it has: {}", report.identities.join(" ")))
            .hint(format!("`pkeys host add {host} --scan ADDRESS`, `pkeys render {host}`, `pkeys push {host}`"))
    })
}

fn unit_problem(unit: &str, state: &str) -> Option<Error> {
    match state {
        "failed" => Some(Error::new(format!("{unit} has failed")).hint(format!("`systemctl status {unit}` there"))),
        "not-found" => Some(
            Error::new(format!("{unit} does not exist there"))
                .hint("correct restartUnits or reloadUnits in the host's configuration"),
        ),
        "inactive" if unit.starts_with("pkeys-activate") => {
            Some(Error::new(format!("{unit} is not active")).hint(format!("`systemctl start {unit}` there")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJSRNUWgI+OIjzO1q+FZ0NQ8rPF620EHEERr2g+Ejcw ann laptop";

    /// What is said of a host that differs in these fields from one on which all is well.
    fn said(more: serde_json::Value) -> (Option<State>, Vec<String>) {
        let wanted = json!({
            "format": "pkeys-bundle/1", "host": "web", "generation": 3, "created": "2026-11-23T00:00:00Z",
            "payload": { "sha256": "aa", "size": 1 }, "recipients": ["SHA256:host"], "secrets": [],
            "authorized_keys": { "ann": [KEY] }, "inputs": "0",
        });
        let mut report = json!({
            "candidate": { "generation": 3, "payload": "aa" }, "installed": { "secrets": 3, "authorizedKeys": 3 },
            "authorizedKeys": { "ann": [KEY] }, "identities": ["SHA256:rsa", "SHA256:host"],
            "files": { "secrets/a": [] }, "units": { "pkeys-activate.service": "active", "app.service": "inactive" },
        });
        report.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let wanted = Manifest::parse(wanted.to_string().as_bytes()).unwrap();
        let report: Report = serde_json::from_value(report).unwrap();
        let findings = compare(&HostName::new("web").unwrap(), &wanted, &report);
        assert!(findings.iter().all(|finding| finding.next_step().is_some()), "{findings:?}");
        let state = standing(wanted.generation, report.installed.as_ref());
        (state, findings.iter().map(|finding| finding.message().to_owned()).collect())
    }

    #[test]
    fn each_difference_is_one_finding() {
        assert_eq!(said(json!({})), (None, Vec::new()));
        let of = |secrets, keys| json!({ "installed": { "secrets": secrets, "authorizedKeys": keys } });
        for (more, state, message) in [
            (of(Some(2), Some(2)), Some(State::Behind), "it has generation 2, and the repository 3"),
            (of(Some(4), Some(4)), Some(State::Ahead), "it has generation 4, and the repository 3"),
            (
                of(None, Some(3)),
                Some(State::Behind),
                "it has authorized keys and no secrets: no bundle could be opened",
            ),
            (of(Some(3), Some(4)), None, "its authorized keys are of generation 4, its secrets of 3"),
            (of(None, None), None, "which generation is installed is not known: an older pkeys-activate installed it"),
            (
                json!({ "installed": null }),
                Some(State::Behind),
                "it has nothing installed, and the repository has generation 3",
            ),
            (
                json!({ "candidate": { "generation": 3, "payload": "bb" } }),
                None,
                "it has another bundle of generation 3",
            ),
            (json!({ "files": { "secrets/a": ["it is not there"] } }), None, "secrets/a: it is not there"),
            (json!({ "rejected": ["/b: no"] }), None, "a bundle there does not count: /b: no"),
            (json!({ "units": { "app.service": "failed" } }), None, "app.service has failed"),
            (json!({ "units": { "x.service": "not-found" } }), None, "x.service does not exist there"),
            (
                json!({ "units": { "pkeys-activate.service": "inactive" } }),
                None,
                "pkeys-activate.service is not active",
            ),
            (json!({ "identities": ["SHA256:b"] }), None, "its bundle is not sealed to a key that it has: SHA256:b"),
            (
                json!({ "authorizedKeys": { "ann": [KEY], "eve": ["x"] } }),
                None,
                "eve may log in there with a line that is no key, which the repository does not authorize",
            ),
        ] {
            assert_eq!(said(more), (state, vec![message.to_owned()]));
        }
    }

    #[test]
    fn what_is_not_known_is_no_finding() {
        assert_eq!(said(json!({ "units": null, "identities": [] })), (None, Vec::new()));
    }
}
