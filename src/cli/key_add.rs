//! `key add`: takes a key of a user into keys.toml.

use crate::audit::{self, Action};
use crate::base::{Error, Result, SecretBytes, files};
use crate::cli::args::KeyAdd;
use crate::cli::context::Context;
use crate::cli::key_generate;
use crate::cli::ui::count;
use crate::grants;
use crate::keys::{AuthorizedLine, PublicHalf, State, UserKey, UserKeys, hosts_of, today};
use crate::manifest::{Repository, Selector};
use crate::policy::{Gate, Leeway};
use crate::render::Sources;
use crate::source::Reference;
use ssh_key::PrivateKey;
use std::collections::BTreeSet;
use std::path::Path;

/// A public line is a few hundred bytes; a large RSA key's a few thousand.
const MAX_LINE: usize = 64 * 1024;

pub(super) fn run(context: &Context, args: &KeyAdd) -> Result<bool> {
    if args.from.generate {
        let mut repository = context.locked_repository()?;
        let (line, reference) = key_generate::run(context, &repository, args)?;
        // The options of a key that is there already stay unless new ones are given.
        let line = AuthorizedLine { options: line.options.filter(|_| args.options.is_none()), ..line };
        return save(context, &mut repository, key(args, line, Some(reference))?);
    }
    // What is read may wait for the network or a person: the repository is not locked meanwhile.
    let (line, private) = given(context, &context.repository()?, args)?;
    let mut repository = context.locked_repository()?;
    let new = key(args, line, private)?;
    save(context, &mut repository, new)
}

/// The public line that was given, and where the private half is.
fn given(context: &Context, repository: &Repository, args: &KeyAdd) -> Result<(AuthorizedLine, Option<Reference>)> {
    match (&args.from.public, &args.from.from) {
        (Some(text), _) => Ok((public(text)?.parse()?, None)),
        (None, Some(reference)) => {
            let public = derived(context, repository, args, reference)?;
            Ok((AuthorizedLine { options: None, public }, Some(reference.clone())))
        }
        (None, None) => Err(Error::new("no key was given").hint("add --generate, --public or --from")),
    }
}

/// The line itself, from a file, or from standard input. It may be a private key by mistake: it is wiped.
fn public(text: &str) -> Result<String> {
    let utf8 = |bytes: SecretBytes| {
        let text = bytes.expose_str().map(str::to_owned);
        text.ok_or_else(|| Error::new("that is not an SSH public key").hint("it is not even text: give the .pub file"))
    };
    if text == "-" {
        let read = SecretBytes::from_stdin(MAX_LINE);
        return utf8(read.map_err(|e| Error::new(format!("cannot read the key: {}", e.kind())))?);
    }
    if text.contains([' ', '\t', '\n']) && !Path::new(text).exists() {
        return Ok(text.into());
    }
    let path = Path::new(text);
    let file = files::read_secret(path, MAX_LINE)?.ok_or_else(|| {
        Error::new("that is neither an SSH public key nor a file")
            .hint("give the key in quotes, the path of its .pub file, or - for standard input")
    })?;
    utf8(file)
}

/// The public half of a private key that is in a source.
fn derived(context: &Context, repository: &Repository, args: &KeyAdd, reference: &Reference) -> Result<PublicHalf> {
    let keys = context.keys()?;
    // Who types a reference has accepted its vault.
    grants::accept_vault(repository, reference)?;
    let sources = Sources::new(repository, &keys);
    let value = sources.read_reference(reference)?;
    sources.warnings().iter().for_each(|warning| context.ui.warn(warning));
    let private = PrivateKey::from_openssh(value.bytes.expose()).map_err(|_| {
        Error::new(format!("what is at {reference} is not an SSH private key in OpenSSH format"))
            .hint("a reference to an SSH key item of 1Password wants ?ssh-format=openssh at its end")
    })?;
    if private.is_encrypted() {
        return Err(Error::new(format!("the private key at {reference} is locked with a passphrase"))
            .hint("store it without one: 1Password and age encrypt it; or add it with --public"));
    }
    PublicHalf::of(&private, &default_comment(args))
}

fn default_comment(args: &KeyAdd) -> String {
    format!("{} {}", args.user, args.label)
}

/// The entry for keys.toml.
pub(super) fn key(args: &KeyAdd, line: AuthorizedLine, private: Option<Reference>) -> Result<UserKey> {
    if line.options.is_some() && args.options.is_some() {
        return Err(Error::new("options are given twice: in front of the key, and with --options")
            .hint("leave one of them out"));
    }
    let hosts = args.hosts.iter().map(|text| Selector::try_from(text.clone())).collect::<Result<Vec<_>>>()?;
    let public =
        if line.public.comment().is_empty() { line.public.with_comment(&default_comment(args)) } else { line.public };
    Ok(UserKey {
        user: args.user.clone(),
        label: args.label.clone(),
        state: State::Active,
        public,
        options: line.options.or_else(|| args.options.clone()),
        added: today(),
        private,
        hosts: Some(hosts).filter(|hosts| !hosts.is_empty()),
        proven: BTreeSet::new(),
        revoked: BTreeSet::new(),
    })
}

/// Enters the key, and its user where pkeys.toml has none. The same key again takes over what was newly given.
fn save(context: &Context, repository: &mut Repository, new: UserKey) -> Result<bool> {
    let mut keys = UserKeys::load(repository)?;
    let (user, label, name) = (new.user.clone(), new.label.clone(), new.name());
    let before = keys.clone();
    let same = keys.labelled(&user, &label).find(|key| key.public.is_same_key(&new.public)).map(|key| key.state);
    let known = keys.labelled(&user, &label).next().is_some();
    match same {
        Some(state) => keys.change(&user, &label, state, |old| {
            old.options = new.options.clone().or(old.options.take());
            old.hosts = new.hosts.clone().or(old.hosts.take());
            old.private = new.private.clone().or(old.private.take());
        })?,
        None if known => {
            return Err(Error::new(format!("{name} has another key already"))
                .hint(format!("`pkeys rotate {user} --key {label}` replaces it; or use another label")));
        }
        None => keys.add(new.clone())?,
    }
    if let Some(changed) = keys.labelled(&user, &label).find(|key| key.public.is_same_key(&new.public)) {
        admit(context, repository, &keys, changed)?;
    }
    let unknown_user = !repository.manifest().users.contains_key(&user);
    if keys != before || unknown_user {
        audit::append(repository, &[action(&new)])?;
    }
    if unknown_user {
        let mut edit = repository.edit()?;
        edit.set_list::<&str>(&["users", user.as_str()], "hosts", &[])?;
        grants::save_manifest(repository, &edit)?;
    }
    let done = match (keys == before, known) {
        (true, _) => "kept",
        (false, true) => "changed",
        (false, false) => "added",
    };
    if keys != before {
        grants::save_keys(repository, &keys)?;
    }
    context.ui.did(done, &format!("{name} {}", new.public.fingerprint()));
    next(context, repository, &keys, &new);
    Ok(true)
}

/// Asks the policies whether a key of `keys` may be taken in.
fn admit(context: &Context, repository: &Repository, keys: &UserKeys, key: &UserKey) -> Result<()> {
    let warnings = Gate::open(repository, keys, Leeway::None)?.admit(key)?;
    if !context.ui.json() {
        warnings.lines().iter().for_each(|line| context.ui.warn(line));
    }
    Ok(())
}

fn action(key: &UserKey) -> Action {
    let action = Action::new("key add").text("user", &key.user).text("label", &key.label);
    let action = action.text("fingerprint", key.public.fingerprint()).list("private", &key.private);
    action.list("options", &key.options).list("hosts", key.hosts.iter().flatten())
}

fn next(context: &Context, repository: &Repository, keys: &UserKeys, new: &UserKey) {
    let (user, manifest) = (&new.user, repository.manifest());
    let key = keys.find(user, &new.label, State::Active).unwrap_or(new);
    let none = manifest.users.get(user).is_none_or(|settings| manifest.selected(&settings.hosts).next().is_none());
    context.ui.note(&match hosts_of(manifest, key).len() {
        0 if none => format!("next: name the hosts of {user} in pkeys.toml: [users.{user}] hosts = [\"*\"]"),
        0 => "No host accepts it: its --host is none that the user has".into(),
        number => format!("{} will accept it: `pkeys render`", count(number, "host")),
    });
}
