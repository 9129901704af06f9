//! `key`: the users' SSH keys. Adding and listing have files of their own.

use crate::audit::{self, Action};
use crate::base::error::did_you_mean;
use crate::base::{Error, KeyLabel, Result, UserName};
use crate::cli::args::KeyCommand;
use crate::cli::context::Context;
use crate::cli::{key_add, key_list};
use crate::grants;
use crate::keys::{State, UserKey, UserKeys, locked_out};
use crate::manifest::Repository;
use crate::rotate::{archive, key_store};
use crate::source::Reference;

pub(super) fn run(context: &Context, command: &KeyCommand) -> Result<bool> {
    match command {
        KeyCommand::Add(args) => key_add::run(context, args),
        KeyCommand::List { user } => key_list::run(context, user.as_ref()),
        KeyCommand::Remove { user, label, force } => remove(context, user, label, *force),
    }
}

/// Removes a key in all its states.
fn remove(context: &Context, user: &UserName, label: &KeyLabel, force: bool) -> Result<bool> {
    let repository = context.locked_repository()?;
    let before = UserKeys::load(&repository)?;
    let gone: Vec<UserKey> = before.labelled(user, label).cloned().collect();
    if gone.is_empty() {
        return Err(missing(&before, user, label));
    }
    if !force && gone.iter().any(|key| key.state != State::Active) {
        return Err(Error::new(format!("{user} {label} is being rotated"))
            .hint(format!("finish it: `pkeys rotate {user}`; or --force removes the old key and the new one")));
    }
    let mut keys = before.clone();
    for key in &gone {
        keys.remove(user, label, key.state);
    }
    let out = locked_out(repository.manifest(), &before, &keys, user);
    let hosts = out.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !force && !out.is_empty() {
        return Err(Error::new(format!("{user} {label} is the last key of {user} on {hosts}"))
            .hint(format!("add another first: `pkeys key add {user} LABEL`; or --force: {user} then logs in there only with what sshd takes from elsewhere")));
    }
    let kept = put_aside(context, &repository, &gone);
    let kept = if force { kept.unwrap_or_default() } else { kept? };
    let action = Action::new("key remove").text("user", user).text("label", label);
    let action = action.list("fingerprints", gone.iter().map(|key| key.public.fingerprint()));
    audit::append(&repository, &[action.list("last on", &out)])?;
    grants::save_keys(&repository, &keys)?;
    context.ui.did("removed", &format!("{user} {label}"));
    if !out.is_empty() {
        context.ui.warn(&format!("{user} has no key on {hosts} now"));
    }
    for reference in gone.iter().filter_map(|key| key.private.as_ref()) {
        match &kept {
            Some((own, until)) if own == reference => {
                context.ui.note(&format!("Its private half is put aside, and kept until {until}"));
            }
            _ => context.ui.note(&format!("Its private half stays at {reference}")),
        }
    }
    context.ui.note("next: `pkeys render`, and deploy: until then the hosts accept it");
    Ok(true)
}

/// Puts the private half that pkeys keeps for these keys aside: a later `key add --generate` must not take it for new.
fn put_aside(context: &Context, repository: &Repository, gone: &[UserKey]) -> Result<Option<(Reference, String)>> {
    let Some(key) = gone.iter().find(|key| key.private.is_some()) else { return Ok(None) };
    let keys = context.keys()?;
    let (store, _) = key_store(repository, &keys, &key.user)?;
    let place = key.place();
    let own = store.reference(&place)?;
    if !gone.iter().any(|key| key.private.as_ref() == Some(&own)) {
        return Ok(None);
    }
    let until = archive(&*store, &place).map_err(|e| e.hint("--force removes the key all the same"))?;
    Ok(until.map(|until| (own, until)))
}

fn missing(keys: &UserKeys, user: &UserName, label: &KeyLabel) -> Error {
    let new = Error::new(format!("there is no key {user} {label}"));
    match did_you_mean(label.as_str(), keys.of(user).map(|key| key.label.as_str())) {
        Some(near) => new.hint(format!("did you mean {user} {near}?")),
        None => new.hint("see `pkeys key list`"),
    }
}
