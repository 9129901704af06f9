//! Mistakes around user keys, and keys that are over age: each with its line and what to do.

use crate::base::error::did_you_mean;
use crate::base::{HostName, UserName};
use crate::keys::{KEYS_FILE, State, UserKey, UserKeys, hosts_of};
use crate::manifest::{Finding, MANIFEST_FILE, Manifest, Repository, Selector};
use jiff::civil::Date;

/// Looks for mistakes; asks no store.
pub fn check(repository: &Repository, today: Date) -> Vec<Finding> {
    let (keys, lines) = match UserKeys::read(repository) {
        Ok(found) => found,
        Err(e) => return vec![unreadable(&e)],
    };
    let mut findings: Vec<_> =
        repository.manifest().users.keys().filter_map(|user| without_key(repository, user, &keys)).collect();
    let manifest = repository.manifest();
    for (key, line) in &lines {
        let said = mistakes(manifest, key).into_iter().chain(over_age(manifest, key, today));
        findings.extend(said.map(|(serious, message, hint)| Finding {
            serious,
            file: KEYS_FILE.into(),
            line: Some(*line),
            message: format!("key {}: {message}", key.name()),
            hint,
        }));
    }
    findings
}

fn unreadable(error: &crate::base::Error) -> Finding {
    let hint = error.next_step().unwrap_or_default().to_owned();
    let place = error.message().strip_prefix(KEYS_FILE).and_then(|rest| rest.strip_prefix(':'));
    let split = place.and_then(|rest| rest.split_once(": ")).map(|(line, message)| (line.parse().ok(), message));
    let (line, message) = split.unwrap_or((None, error.message()));
    Finding { serious: true, file: KEYS_FILE.into(), line, message: message.into(), hint }
}

fn without_key(repository: &Repository, user: &UserName, keys: &UserKeys) -> Option<Finding> {
    keys.of(user).next().is_none().then(|| Finding {
        serious: false,
        file: MANIFEST_FILE.into(),
        line: repository.line(&["users", user.as_str()]),
        message: format!("user {user} has no key"),
        hint: format!("add one: `pkeys key add {user} LABEL --public FILE`"),
    })
}

type Said = (bool, String, String);

fn mistakes(manifest: &Manifest, key: &UserKey) -> Vec<Said> {
    let Some(user) = manifest.users.get(&key.user) else {
        let near = did_you_mean(key.user.as_str(), manifest.users.keys().map(UserName::as_str));
        let hint = near.map_or_else(
            || format!("add to pkeys.toml: [users.{}] with `hosts`", key.user),
            |near| format!("did you mean {near}?"),
        );
        return vec![(true, format!("[users] of pkeys.toml has no {}: it is authorized nowhere", key.user), hint)];
    };
    let mut said: Vec<_> = key.hosts.iter().flatten().filter_map(|selector| unknown(manifest, selector)).collect();
    if said.is_empty() && key.hosts.is_some() && hosts_of(manifest, key).is_empty() {
        let has: Vec<_> = manifest.selected(&user.hosts).map(HostName::as_str).collect();
        said.push((
            false,
            "its `hosts` are none that the user has: it is authorized nowhere".into(),
            format!("{} has: {}; or remove the key: `pkeys key remove {}`", key.user, has.join(", "), key.name()),
        ));
    }
    said
}

fn unknown(manifest: &Manifest, selector: &Selector) -> Option<Said> {
    if *selector == Selector::All || manifest.selected(std::slice::from_ref(selector)).next().is_some() {
        return None;
    }
    let known = manifest.hosts.keys().map(HostName::as_str);
    let near = match selector {
        Selector::Tag(_) => None,
        host => did_you_mean(&host.to_string(), known).map(|near| format!("did you mean {near}?")),
    };
    let hint = near.unwrap_or_else(|| "correct `hosts` of the key: a host's name, \"tag:NAME\", or \"*\"".into());
    Some((!matches!(selector, Selector::Tag(_)), format!("`hosts` names {selector}, which selects no host"), hint))
}

fn over_age(manifest: &Manifest, key: &UserKey, today: Date) -> Option<Said> {
    if key.state == State::Active && key.added > today {
        return Some((false, format!("it was added on {}, which is to come", key.added), "correct `added`".into()));
    }
    let due = key.due(manifest.users.get(&key.user)?.rotate_every)?;
    let message = format!("it is {} days old, and was due on {due}", key.age(today));
    let hint = if key.is_rotatable() {
        format!("`pkeys rotate {}`", key.user)
    } else {
        format!(
            "pkeys does not hold its private half. Make a new one by hand, `pkeys key add {} NEW-LABEL`, then `pkeys key remove {}`",
            key.user,
            key.name()
        )
    };
    (due <= today).then_some((false, message, hint))
}
