//! `secret`: keeps secrets in local age files.

use crate::audit::{self, Action};
use crate::base::{Error, Result, SecretBytes, SecretName, files};
use crate::bundle::MAX_PAYLOAD;
use crate::cli::args::{SecretCommand, SecretSet};
use crate::cli::context::Context;
use crate::cli::ui::{Tone, count};
use crate::cli::{secret_edit, secret_new};
use crate::grants;
use crate::manifest::Repository;
use crate::operator::Keys;
use crate::render::{self, Sources, write_local};
use crate::source::Reference;
use serde_json::json;
use std::io::IsTerminal;

pub(super) fn run(context: &Context, command: &SecretCommand) -> Result<bool> {
    match command {
        SecretCommand::Set(args) => set(context, args),
        SecretCommand::Edit { name } => secret_edit::run(context, name),
        SecretCommand::Show { name } => show(context, name),
        SecretCommand::Generate(args) => secret_new::run(context, args),
        SecretCommand::List => list(context),
        SecretCommand::Rm { name } => remove(context, name),
        SecretCommand::Rekey => rekey(context),
    }
}

fn set(context: &Context, args: &SecretSet) -> Result<bool> {
    let repository = context.repository()?;
    must_be_local(&repository, &args.name)?;
    grants::secret_recipients(&repository)?;
    let value = if std::io::stdin().is_terminal() {
        let asked = context.prompt.secret(&format!("Value of {} (not shown)", args.name));
        let asked = asked.map_err(|e| e.hint(format!("use a pipe or a file: `pkeys secret set {} < FILE`", args.name)));
        asked?.ok_or_else(|| Error::new("no value was given"))?
    } else {
        SecretBytes::from_stdin(MAX_PAYLOAD).map_err(|e| Error::new(format!("cannot read the value: {}", e.kind())))?
    };
    if value.is_empty() {
        return Err(
            Error::new("an empty value; nothing was changed").hint("pipe the value in, or type it at the prompt")
        );
    }
    if value.expose().ends_with(b"\n") {
        context.ui.detail("The value ends in a newline, which is part of it; `trim = true` in pkeys.toml strips it.");
    }
    save(context, args, &value)
}

/// Stores a value and says what became of it.
pub(super) fn save(context: &Context, args: &SecretSet, value: &SecretBytes) -> Result<bool> {
    let mut repository = context.locked_repository()?;
    let name = &args.name;
    let known = store(&mut repository, &context.keys()?, args, value)?;
    context.ui.did(if known { "changed" } else { "added" }, name);
    let manifest = repository.manifest();
    match manifest.secrets.get(name).map_or(0, |secret| manifest.selected(&secret.hosts).count()) {
        0 => context
            .ui
            .note(&format!("Nobody gets it yet: `pkeys secret set {name} --host HOST`, or `hosts` in pkeys.toml")),
        number => context.ui.note(&format!("{} will get it: `pkeys render`", count(number, "host"))),
    }
    Ok(true)
}

/// Encrypts a value, writes it, and enters it into the manifest where it is not yet. Returns whether it was there.
pub(super) fn store(repository: &mut Repository, keys: &Keys, args: &SecretSet, value: &SecretBytes) -> Result<bool> {
    if value.len() > MAX_PAYLOAD - MAX_PAYLOAD / 1024 {
        return Err(Error::new("the value is larger than 64 MiB").hint("encrypt the file, and deliver its key"));
    }
    must_be_local(repository, &args.name)?;
    let known = files::exists(&repository.secret_file(&args.name))?;
    // Before the file: an edit that cannot be must not leave a changed secret behind.
    let edit = entry(repository, args)?;
    let action = Action::new("secret set").text("secret", &args.name).list("hosts", &args.hosts);
    audit::append(repository, &[action])?;
    write_local(repository, keys, &args.name, value)?;
    if let Some(edit) = edit {
        grants::save_manifest(repository, &edit)?;
    }
    Ok(known)
}

/// Refuses a secret whose value the manifest takes from elsewhere: before anybody types or edits one.
pub(super) fn must_be_local(repository: &Repository, name: &SecretName) -> Result<()> {
    let local = Reference::Age(name.clone());
    match repository.manifest().secrets.get(name) {
        Some(secret) if secret.from != local => Err(Error::new(format!("pkeys.toml takes {name} from another place"))
            .hint(format!("change it there, or set `from` to \"{local}\""))),
        _ => Ok(()),
    }
}

/// The change of the manifest that a new secret or new hosts need.
fn entry(repository: &Repository, args: &SecretSet) -> Result<Option<crate::manifest::Edit>> {
    let reference = Reference::Age(args.name.clone()).to_string();
    let path = ["secrets", args.name.as_str()];
    let mut edit = repository.edit()?;
    let mut changed = false;
    match repository.manifest().secrets.get(&args.name) {
        Some(_) => {}
        None => {
            edit.set(&path, "from", &reference)?;
            edit.set_list::<&str>(&path, "hosts", &[])?;
            changed = true;
        }
    }
    for selector in &args.hosts {
        changed |= edit.add_to_list(&path, "hosts", selector)?;
    }
    Ok(changed.then_some(edit))
}

/// Reads a secret, from whichever source the manifest names; a file that the manifest does not name too.
pub(super) fn read(context: &Context, repository: &Repository, name: &SecretName) -> Result<SecretBytes> {
    let keys = context.keys()?;
    let sources = Sources::new(repository, &keys);
    let value = sources.read_secret(name)?;
    sources.warnings().iter().for_each(|warning| context.ui.warn(warning));
    Ok(value.bytes)
}

fn show(context: &Context, name: &SecretName) -> Result<bool> {
    let repository = context.repository()?;
    let value = read(context, &repository, name)?;
    let binary = value.expose_str().is_none_or(|text| text.chars().any(|c| c.is_control() && !"\n\r\t".contains(c)));
    if binary && std::io::stdout().is_terminal() {
        return Err(Error::new(format!("{name} is binary, and this is a terminal"))
            .hint(format!("send it into a pipe: `pkeys secret show {name} | hexdump -C`")));
    }
    context.ui.secret(&value)?;
    if std::io::stdout().is_terminal() && !value.expose().ends_with(b"\n") {
        context.ui.out("");
    }
    Ok(true)
}

fn list(context: &Context) -> Result<bool> {
    let repository = context.repository()?;
    let manifest = repository.manifest();
    let hosts = |name: &SecretName| -> Vec<String> {
        manifest
            .secrets
            .get(name)
            .map(|s| manifest.selected(&s.hosts).map(ToString::to_string).collect())
            .unwrap_or_default()
    };
    if context.ui.json() {
        let all: Vec<_> = manifest
            .secrets
            .iter()
            .map(|(name, secret)| json!({ "name": name, "from": secret.from, "hosts": hosts(name), "trim": secret.trim }))
            .collect();
        context.ui.out_json(&all);
        return Ok(true);
    }
    if manifest.secrets.is_empty() {
        context.ui.note("No secrets yet: `pkeys secret set NAME --host HOST`");
    }
    let row = |(name, secret): (&SecretName, &crate::manifest::Secret)| {
        let hosts = hosts(name);
        let who = if hosts.is_empty() { ("nobody".into(), Tone::Warn) } else { (hosts.join(" "), Tone::Plain) };
        vec![(name.to_string(), Tone::Bold), (secret.from.to_string(), Tone::Dim), who]
    };
    context.ui.table(&manifest.secrets.iter().map(row).collect::<Vec<_>>());
    Ok(true)
}

fn remove(context: &Context, name: &SecretName) -> Result<bool> {
    let mut repository = context.locked_repository()?;
    let reference = Reference::Age(name.clone());
    let mut used = repository.manifest().secrets.iter().filter(|(other, s)| s.from == reference && *other != name);
    if let Some((other, _)) = used.next() {
        return Err(Error::new(format!("the secret {other} is taken from {reference} too"))
            .hint(format!("change `from` of {other} first")));
    }
    let path = repository.secret_file(name);
    let mut edit = repository.edit()?;
    let listed = repository.manifest().secrets.get(name).is_some_and(|s| s.from == reference);
    if !listed && !files::exists(&path)? {
        return Err(Error::new(format!("there is no local secret {name}")).hint("see `pkeys secret list`"));
    }
    audit::append(&repository, &[Action::new("secret rm").text("secret", name)])?;
    if listed {
        edit.remove(&["secrets"], name.as_str())?;
        grants::save_manifest(&mut repository, &edit)?;
    }
    render::remove_local(&repository, name)?;
    context.ui.did("removed", name);
    context
        .ui
        .note("next: `pkeys render`. Old copies stay readable in git's history: change the value where it is used.");
    Ok(true)
}

fn rekey(context: &Context) -> Result<bool> {
    let repository = context.locked_repository()?;
    let keys = context.keys()?;
    let bar = context.ui.progress("encrypting", repository.local_secrets()?.len());
    let number = render::rekey(&repository, &Sources::new(&repository, &keys), &keys, &|| bar.inc(1))?;
    bar.finish_and_clear();
    context.ui.did("rekeyed", &count(number, "secret"));
    context.ui.note("next: `pkeys render`");
    Ok(true)
}
