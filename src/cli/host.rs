//! `host add`, `host list`, `host remove`; the other commands of `host` have files of their own.

use crate::audit::{self, Action};
use crate::base::{Error, HostName, Result};
use crate::cli::args::{HostAdd, HostCommand};
use crate::cli::context::Context;
use crate::cli::ui::Tone;
use crate::cli::{host_check, host_compromised, host_key};
use crate::grants;
use crate::keys::UserKeys;
use crate::manifest::{Repository, Selector};
use crate::remote;
use serde_json::json;

pub(super) fn run(context: &Context, command: &HostCommand) -> Result<bool> {
    match command {
        HostCommand::Add(args) => add(context, args),
        HostCommand::Check(args) => host_check::run(context, args),
        HostCommand::Compromised { name } => host_compromised::run(context, name),
        HostCommand::ExtraFiles { name, dir, key_path, on_disk } => {
            host_key::extra_files(context, name, dir, key_path, *on_disk)
        }
        HostCommand::List => list(context),
        HostCommand::Remove { name } => remove(context, name),
    }
}

fn add(context: &Context, args: &HostAdd) -> Result<bool> {
    // The scan waits for the network and the person: the repository is not locked meanwhile.
    context.repository()?;
    let mut recipients: Vec<String> = args.recipient.iter().map(ToString::to_string).collect();
    if let Some(address) = &args.scan {
        recipients.push(scanned(context, args, address)?);
    }
    let mut repository = context.locked_repository()?;
    let known = repository.manifest().hosts.contains_key(&args.name);
    let generated = if args.generate { host_key::generate(context, &repository, &args.name)? } else { None };
    recipients.extend(generated.iter().map(|key| key.recipient.to_string()));
    if !known && recipients.is_empty() {
        return Err(Error::new(format!("{} needs a recipient: its SSH host key", args.name))
            .hint("use --scan ADDRESS for a running host, --generate for one to be installed, or --recipient KEY"));
    }
    let path = ["hosts", args.name.as_str()];
    let mut edit = repository.edit()?;
    if !recipients.is_empty() {
        edit.set_list(&path, "recipients", &recipients)?;
    }
    if let Some(address) = args.address.as_ref().or(args.scan.as_ref().filter(|_| !known)) {
        edit.set(&path, "address", address)?;
    }
    if let Some(key) = &generated {
        edit.set(&path, "host-key", &key.reference.to_string())?;
    }
    for tag in &args.tag {
        edit.add_to_list(&path, "tags", tag.as_str())?;
    }
    let ids = recipients.iter().map(|key| key.parse()).collect::<Result<Vec<crate::bundle::Recipient>>>()?;
    let action = Action::new("host add").text("host", &args.name).list("tags", &args.tag);
    audit::append(&repository, &[action.list("recipients", ids.iter().map(crate::bundle::Recipient::id))])?;
    grants::save_manifest(&mut repository, &edit)?;
    context.ui.did(if known { "changed" } else { "added" }, &args.name);
    match repository.manifest().recipients_of(&args.name) {
        Ok(_) => context.ui.note(&format!("next: `pkeys render {}`", args.name)),
        // It is on the way to post-quantum recipients everywhere, which no single command gets to.
        Err(e) => context.ui.warn(&format!("it cannot be rendered yet: {}", e.one_line())),
    }
    if args.generate {
        context
            .ui
            .note(&format!("and at the installation: `pkeys host extra-files {} \"$XDG_RUNTIME_DIR/{0}\"`", args.name));
    }
    Ok(true)
}

/// The key of a running host, once the operator says that it is the right one.
fn scanned(context: &Context, args: &HostAdd, address: &str) -> Result<String> {
    let key = remote::scan(address)?;
    match &args.fingerprint {
        Some(expected) if *expected == key.fingerprint => return Ok(key.recipient.to_string()),
        Some(_) => {
            return Err(Error::new(format!("{address} showed another key: {}", key.fingerprint))
                .hint("compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host"));
        }
        None => {}
    }
    context.ui.note(&format!("{address} shows the host key {}", key.fingerprint));
    context.ui.note("Compare it on the host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
    match context.prompt.confirm("Is it the same?") {
        Some(true) => Ok(key.recipient.to_string()),
        Some(false) => Err(Error::new("the host key was not confirmed; nothing was changed")),
        None => Err(Error::new("there is no terminal to confirm the host key at")
            .hint(format!("compare it, then add --fingerprint {}", key.fingerprint))),
    }
}

fn list(context: &Context) -> Result<bool> {
    let repository = context.repository()?;
    let manifest = repository.manifest();
    if context.ui.json() {
        let hosts: Vec<_> = manifest
            .hosts
            .iter()
            .map(|(name, host)| {
                let secrets: Vec<_> = manifest.secrets_of(name).map(|(name, _)| name).collect();
                json!({ "name": name, "address": host.address, "tags": host.tags, "recipients": host.recipients, "secrets": secrets })
            })
            .collect();
        context.ui.out_json(&hosts);
        return Ok(true);
    }
    if manifest.hosts.is_empty() {
        context.ui.note("No hosts yet: `pkeys host add NAME --scan ADDRESS`");
    }
    let rows: Vec<_> = manifest
        .hosts
        .iter()
        .map(|(name, host)| {
            let ids = host
                .recipients
                .iter()
                .map(|r| r.parse().map_or_else(|_| "unusable".into(), |r: crate::bundle::Recipient| r.id().to_owned()));
            vec![
                (name.to_string(), Tone::Bold),
                (host.address.clone().unwrap_or_default(), Tone::Plain),
                (host.tags.iter().cloned().collect::<Vec<_>>().join(","), Tone::Plain),
                (ids.collect::<Vec<_>>().join(" "), Tone::Dim),
            ]
        })
        .collect();
    context.ui.table(&rows);
    Ok(true)
}

fn remove(context: &Context, name: &HostName) -> Result<bool> {
    let mut repository = context.locked_repository()?;
    repository.hosts(std::slice::from_ref(name))?;
    let had: Vec<_> = repository.manifest().secrets_of(name).map(|(name, _)| name.to_string()).collect();
    let mut edit = repository.edit()?;
    edit.remove(&["hosts"], name.as_str())?;
    for (kind, key, selectors) in naming(&repository, name) {
        edit.set_list(&[kind, &key], "hosts", &selectors)?;
    }
    let mut keys = UserKeys::load(&repository)?;
    audit::append(&repository, &[Action::new("host remove").text("host", name)])?;
    if keys.forget_host(name) {
        grants::save_keys(&repository, &keys)?;
    }
    crate::bundle::remove(&repository.bundle(name))?;
    host_key::remove(&repository, name)?;
    // Last: as long as it stands there, running this again takes away the rest.
    grants::save_manifest(&mut repository, &edit)?;
    context.ui.did("removed", name);
    if !had.is_empty() {
        context.ui.note(&format!(
            "It could read: {}. Change these values if the host is not trusted any more.",
            had.join(", ")
        ));
    }
    Ok(true)
}

/// The tables whose `hosts` name this host, with the selectors that remain.
fn naming(repository: &Repository, host: &HostName) -> Vec<(&'static str, String, Vec<String>)> {
    let manifest = repository.manifest();
    let secrets = manifest.secrets.iter().map(|(name, s)| ("secrets", name.to_string(), &s.hosts));
    let users = manifest.users.iter().map(|(name, u)| ("users", name.to_string(), &u.hosts));
    let names = |s: &&Selector| **s == Selector::Host(host.clone());
    secrets
        .chain(users)
        .filter(|(.., hosts)| hosts.iter().any(|s| names(&s)))
        .map(|(kind, key, hosts)| (kind, key, hosts.iter().filter(|s| !names(s)).map(ToString::to_string).collect()))
        .collect()
}
