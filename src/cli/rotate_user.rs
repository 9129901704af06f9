//! `rotate`: replaces SSH keys of users, without ever locking anyone out.

use crate::base::{Error, HostName, KeyLabel, Result, UserName};
use crate::cli::args::Rotate;
use crate::cli::break_glass::keep_escrow;
use crate::cli::context::Context;
use crate::cli::question::settle;
use crate::cli::rotate::{commits, confirmed, repository};
use crate::cli::ui::{Tone, count, error_json};
use crate::keys::{State, UserKey, UserKeys, hosts_of, today};
use crate::manifest::Repository;
use crate::operator::Keys;
use crate::policy::Leeway;
use crate::render::Sources;
use crate::rotate::{Commits, End, Event, Rotation, Step, key_store};
use crate::source::KeyPlace;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) fn run(context: &Context, args: &Rotate) -> Result<bool> {
    let repository = repository(context, args)?;
    let keys = UserKeys::load(&repository)?;
    let chosen = choose(&repository, &keys, args)?;
    for key in &chosen.left_out {
        context.ui.warn(&format!("{} is not rotated: pkeys does not hold its private half", key.name()));
    }
    if chosen.places.is_empty() {
        context.ui.note("Nothing is due.");
        return Ok(true);
    }
    plan(context, &repository, &keys, &chosen.places, args);
    // What begins something new is asked for; what goes on is not.
    let withdrawn = keys.all().iter().any(|key| !key.revoked.is_empty());
    let going_on = !args.abort && (!args.emergency || withdrawn);
    let begun = going_on && chosen.places.iter().all(|place| Step::of(&keys, place) != Step::Make);
    if args.dry_run || !(begun || confirmed(context, args)?) {
        return Ok(args.dry_run);
    }
    if !args.emergency {
        let manifest = repository.manifest();
        let rotated = keys.all().iter().filter(|key| chosen.places.contains(&key.place()));
        let hosts: BTreeSet<_> = rotated.flat_map(|key| hosts_of(manifest, key)).cloned().collect();
        settle(context, &repository, &hosts.into_iter().collect::<Vec<_>>(), false)?;
    }
    let hosts = if args.host.is_empty() { Vec::new() } else { repository.hosts(&args.host)? };
    let commits = commits(&repository, args)?;
    let opened = context.keys()?;
    let ends = chosen.places.into_iter().map(|place| {
        let end = rotate(context, &repository, &opened, commits.as_ref(), &place, &hosts, args);
        (place, end)
    });
    let ends = ends.collect::<Vec<_>>();
    keep_escrow(context, &repository, &Sources::new(&repository, &opened), &opened);
    if let Some(commits) = &commits {
        commits.step("pkeys rotate: the escrow")?;
    }
    Ok(report(context, &ends, args))
}

/// The keys of this run, and those that pkeys cannot rotate.
struct Chosen {
    places: BTreeSet<KeyPlace>,
    left_out: Vec<UserKey>,
}

fn choose(repository: &Repository, keys: &UserKeys, args: &Rotate) -> Result<Chosen> {
    let manifest = repository.manifest();
    let due = |key: &UserKey| {
        let every = manifest.users.get(&key.user).and_then(|user| user.rotate_every);
        key.state != State::Active || key.due(every).is_some_and(|due| due <= today())
    };
    let wanted = |key: &&UserKey| match &args.user {
        Some(user) => key.user == *user && args.key.as_ref().is_none_or(|label| key.label == *label),
        None => due(key),
    };
    let (places, left_out): (Vec<&UserKey>, Vec<_>) = keys
        .all()
        .iter()
        .filter(wanted)
        .partition(|key| args.emergency || key.is_rotatable() || key.state != State::Active);
    if let (Some(user), true) = (&args.user, places.is_empty()) {
        return Err(none(keys, user, args.key.as_ref(), !left_out.is_empty()));
    }
    let places: BTreeSet<_> = places.into_iter().map(UserKey::place).collect();
    if args.emergency && places.len() > 1 {
        let labels: Vec<_> = places.iter().map(|place| place.label.as_str()).collect();
        return Err(Error::new("which of the keys was stolen?").hint(format!("--key {}", labels.join(", or --key "))));
    }
    Ok(Chosen { places, left_out: left_out.into_iter().cloned().collect() })
}

fn none(keys: &UserKeys, user: &UserName, label: Option<&KeyLabel>, some: bool) -> Error {
    let name = label.map_or_else(|| user.to_string(), |label| format!("{user} {label}"));
    if some {
        return Error::new(format!("pkeys does not hold the private half of {name}")).hint(format!(
            "make a new one by hand, `pkeys key add {user} NEW-LABEL --public FILE`, then remove the old one"
        ));
    }
    let known: BTreeSet<_> = keys.all().iter().map(|key| key.user.as_str()).collect();
    let new = Error::new(format!("keys.toml has no key of {name}"));
    match crate::base::error::did_you_mean(user.as_str(), known) {
        Some(near) if near != user.as_str() => new.hint(format!("did you mean {near}?")),
        _ => new.hint("see `pkeys key list`"),
    }
}

/// Says what will be done.
fn plan(context: &Context, repository: &Repository, keys: &UserKeys, places: &BTreeSet<KeyPlace>, args: &Rotate) {
    for place in places {
        let KeyPlace { user, label } = place;
        let Some(key) = keys.labelled(user, label).next() else { continue };
        let hosts = hosts_of(repository.manifest(), key);
        let names: Vec<_> = hosts.iter().map(|host| host.as_str()).collect();
        let what = match Step::of(keys, place) {
            _ if args.abort => "back to the key of before",
            Step::Make if args.emergency && !key.is_rotatable() => "take it off wherever another key reaches",
            Step::Make | Step::Prove if args.emergency => {
                "take it off wherever another key reaches; new key, prove it, remove the old one"
            }
            Step::Make => "new key, prove it, remove the old one",
            Step::Prove => "go on: prove the new key, remove the old one",
            Step::Revoke => "go on: remove the old key",
        };
        let at = if names.is_empty() { "no host".into() } else { count(names.len(), "host") + ": " + &names.join(" ") };
        context.ui.note(&format!("{user} {label}: {what}, on {at}"));
    }
}

fn rotate(
    context: &Context,
    repository: &Repository,
    keys: &Keys,
    commits: Option<&Commits>,
    place: &KeyPlace,
    hosts: &[HostName],
    args: &Rotate,
) -> Result<End> {
    let (store, warnings) = key_store(repository, keys, &place.user)?;
    warnings.iter().for_each(|warning| context.ui.warn(warning));
    let ui = &context.ui;
    let tell = |event: &Event| {
        ui.note(&match event {
            Event::Open(host, error) => {
                return ui.error(&error.clone().context(format!("{host}: the stolen key may still work there")));
            }
            Event::Warned(line) => return ui.warn(line),
            Event::Withdrawn(host) => format!("{host}: refuses the stolen key"),
            Event::Made(fingerprint) => format!("made a new key, stored and read back: {fingerprint}"),
            Event::Deployed(host) => format!("{host}: has what keys.toml says"),
            Event::Proven(host) => format!("{host}: a login with the new key works"),
            Event::Promoted(number) => format!("the new key is active, proven on {}", count(*number, "host")),
            Event::Refused(host) => format!("{host}: refuses the old key, accepts the new one"),
            Event::Archived(until) => format!("the old private half is kept until {until}"),
        });
    };
    let leeway = if args.emergency { Leeway::Emergency } else { Leeway::Rotation };
    let place = place.clone();
    let rotation = Rotation { repository, keys, store: &*store, place, hosts, leeway, commits, tell: &tell };
    match (args.abort, args.emergency) {
        (true, _) => rotation.abort(),
        (_, true) => rotation.emergency(),
        _ => rotation.run(),
    }
}

fn report(context: &Context, ends: &[(KeyPlace, Result<End>)], args: &Rotate) -> bool {
    if context.ui.json() {
        context.ui.out_json(&ends.iter().map(as_json).collect::<Vec<_>>());
    }
    for (KeyPlace { user, label }, end) in ends.iter().filter(|_| !context.ui.json()) {
        match end {
            Ok(End::Done) => context.ui.did("rotated", &format!("{user} {label}")),
            Ok(End::Waiting(hosts)) => {
                context.ui.words(&[("waiting", Tone::Warn), (&format!(" {user} {label}"), Tone::Plain)]);
                hosts.iter().for_each(|(host, error)| context.ui.error(&error.clone().context(host)));
                let them = count(hosts.len(), "host");
                let (calm, more) = match args.emergency {
                    true => ("The stolen key may still work where it could not be taken off.", " --emergency"),
                    false => ("Nobody has lost access.", ""),
                };
                context
                    .ui
                    .note(&format!("{calm} It waits for {them}; then: `pkeys rotate {user} --key {label}{more}`"));
            }
            Err(e) => context.ui.error(&e.clone().context(format!("{user} {label}"))),
        }
    }
    ends.iter().all(|(_, end)| matches!(end, Ok(End::Done)))
}

fn as_json((KeyPlace { user, label }, end): &(KeyPlace, Result<End>)) -> Value {
    let waiting = |hosts: &[(HostName, Error)]| -> Vec<Value> {
        hosts.iter().map(|(host, error)| json!({ "host": host, "error": error_json(error) })).collect()
    };
    match end {
        Ok(End::Done) => json!({ "user": user, "label": label.to_string(), "state": "rotated" }),
        Ok(End::Waiting(hosts)) => {
            json!({ "user": user, "label": label.to_string(), "state": "waiting", "waiting": waiting(hosts) })
        }
        Err(e) => json!({ "user": user, "label": label.to_string(), "state": "failed", "error": error_json(e) }),
    }
}

/// The rotations that are under way.
pub(super) fn status(context: &Context) -> Result<bool> {
    let keys = UserKeys::load(&context.repository()?)?;
    let under_way: Vec<_> = keys.all().iter().filter(|key| key.state != State::Active).collect();
    if context.ui.json() {
        let all: Vec<_> = under_way
            .iter()
            .map(|key| json!({ "user": key.user, "label": key.label.to_string(), "state": key.state.as_str(), "proven": key.proven }))
            .collect();
        context.ui.out_json(&all);
        return Ok(true);
    }
    if under_way.is_empty() {
        context.ui.note("No rotation is under way.");
    }
    let row = |key: &&UserKey| {
        let proven: Vec<_> = key.proven.iter().map(HostName::as_str).collect();
        vec![
            (key.name(), Tone::Bold),
            (key.state.to_string(), Tone::Warn),
            (format!("done: {}", proven.join(" ")), Tone::Dim),
        ]
    };
    context.ui.table(&under_way.iter().map(row).collect::<Vec<_>>());
    Ok(true)
}
