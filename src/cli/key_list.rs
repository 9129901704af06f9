//! `key list`: what is said of each key, those first that are due first.

use crate::base::{Result, UserName};
use crate::cli::context::Context;
use crate::cli::ui::Tone;
use crate::keys::{UserKey, UserKeys, hosts_of, today};
use crate::manifest::{Manifest, Selector};
use jiff::civil::Date;
use serde_json::json;

pub(super) fn run(context: &Context, user: Option<&UserName>) -> Result<bool> {
    let repository = context.repository()?;
    let (manifest, today) = (repository.manifest(), today());
    let keys = UserKeys::load(&repository)?;
    let mut listed: Vec<_> = keys.all().iter().filter(|key| user.is_none_or(|user| key.user == *user)).collect();
    // Stable: within one day by user, label and state. Those that are never due come last.
    listed.sort_by_key(|key| due(manifest, key).unwrap_or(Date::MAX));
    if context.ui.json() {
        context.ui.out_json(&listed.iter().map(|key| json_of(manifest, key, today)).collect::<Vec<_>>());
        return Ok(true);
    }
    if listed.is_empty() {
        context.ui.note("No keys yet: `pkeys key add USER LABEL --public FILE`");
        return Ok(true);
    }
    let heading = ["USER", "LABEL", "STATE", "KIND", "FINGERPRINT", "AGE", "DUE", "PRIVATE HALF"];
    let heading = heading.map(|word| (word.to_owned(), Tone::Dim)).to_vec();
    let rows = listed.iter().map(|key| row(manifest, key, today));
    context.ui.table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>());
    Ok(true)
}

fn due(manifest: &Manifest, key: &UserKey) -> Option<Date> {
    key.due(manifest.users.get(&key.user)?.rotate_every)
}

fn row(manifest: &Manifest, key: &UserKey, today: Date) -> Vec<(String, Tone)> {
    let due = due(manifest, key).map(|day| (day.until(today).map_or(0, |span| span.get_days()), day));
    vec![
        (key.user.to_string(), Tone::Bold),
        (key.label.to_string(), Tone::Bold),
        (key.state.to_string(), Tone::Plain),
        (format!("{} {}", key.public.algorithm(), key.public.bits()), Tone::Plain),
        (key.public.fingerprint(), Tone::Dim),
        (format!("{}d", key.age(today)), Tone::Plain),
        match due {
            Some((late, _)) if late > 0 => (format!("{late}d ago"), Tone::Bad),
            Some((0, _)) => ("today".into(), Tone::Warn),
            Some((late, _)) => (format!("in {}d", -late), Tone::Plain),
            None => ("-".into(), Tone::Dim),
        },
        match &key.private {
            Some(reference) => (reference.to_string(), Tone::Plain),
            None if key.public.is_hardware() => ("hardware token".into(), Tone::Dim),
            None => ("elsewhere".into(), Tone::Dim),
        },
    ]
}

fn json_of(manifest: &Manifest, key: &UserKey, today: Date) -> serde_json::Value {
    let due = due(manifest, key);
    json!({
        "user": key.user,
        "label": key.label,
        "state": key.state.as_str(),
        "algorithm": key.public.algorithm(),
        "bits": key.public.bits(),
        "fingerprint": key.public.fingerprint(),
        "public": key.public.to_string(),
        "options": key.options.as_ref().map(ToString::to_string),
        "added": key.added.to_string(),
        "age_days": key.age(today),
        "due": due.map(|day| day.to_string()),
        "over_age": due.is_some_and(|day| day <= today),
        "private": key.private,
        "rotatable": key.is_rotatable(),
        "selectors": key.hosts.as_ref().map(|hosts| hosts.iter().map(Selector::to_string).collect::<Vec<_>>()),
        "hosts": hosts_of(manifest, key),
        "proven": key.proven,
        "revoked": key.revoked,
    })
}
