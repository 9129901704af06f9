//! `break-glass open`: lists, prints and exports what the key opens, and logs in with it.

use crate::audit::{self, Action};
use crate::base::{Error, Result, SecretBytes, SecretName, UserName, files};
use crate::bundle::OpenBundle;
use crate::cli::args::BreakGlassOpen;
use crate::cli::break_glass::identity;
use crate::cli::context::Context;
use crate::cli::ui::Tone;
use crate::escrow::{Opened, user_entry};
use crate::keys::UserKeys;
use crate::manifest::Repository;
use crate::operator::{MemoryDirectory, run_in_front, would_be_in_memory};
use crate::remote::Agent;
use serde_json::json;
use std::path::Path;
use std::process::Command;

pub(super) fn run(context: &Context, args: &BreakGlassOpen) -> Result<bool> {
    let repository = context.repository()?;
    if let Some(host) = &args.host {
        repository.hosts(std::slice::from_ref(host))?;
    }
    let (key, typed) = identity(context, &args.key)?;
    let opened = Opened::new(&repository, key, &typed)?;
    if let Err(e) = &opened.trust {
        context.ui.warn(&format!("who made what is opened here is not proven: {}", e.one_line()));
    }
    if let Some(user) = &args.ssh {
        log(context, Action::new("break-glass open").text("user", user));
        return shell(context, &opened, user);
    }
    let action = Action::new("break-glass open");
    let action = args.host.iter().fold(action, |action, host| action.text("host", host));
    let action = args.secret.iter().fold(action, |action, name| action.text("secret", name));
    log(context, if args.to.is_some() { action.text("to", "files") } else { action });
    let found = match &args.host {
        Some(host) => Found::Bundle(of_host(context, &opened, host)?),
        None => Found::Rest(Box::new(rest(context, &opened))),
    };
    match (&args.secret, &args.to) {
        (Some(name), _) => context.ui.secret(&found.get(context, name)?).map(|()| true),
        (None, Some(directory)) => export(context, &found, &repository, directory),
        (None, None) if args.host.is_some() => list(context, &[("", found.names(&repository)?)]),
        (None, None) => everything(context, &opened, &found),
    }
}

/// Everything is logged. Nothing waits for it, and what cannot be logged is opened all the same.
fn log(context: &Context, action: Action) {
    let busy = || Error::new("another pkeys is changing the repository");
    let locked = context.repository().and_then(Repository::try_lock).and_then(|locked| locked.ok_or_else(busy));
    if let Err(e) = locked.and_then(|locked| audit::append(&locked, &[action])) {
        context.ui.warn(&format!("this is not in the log: {}", e.one_line()));
    }
}

/// What is in no bundle.
struct Rest<'a> {
    opened: &'a Opened<'a>,
    escrow: Option<OpenBundle>,
    /// Whether a trusted signer signed the escrow. Of another, what has the name of a local secret is not taken for it.
    is_proven: bool,
}

/// Where secrets are looked for.
enum Found<'a> {
    Bundle(OpenBundle),
    /// Local secrets and the escrow.
    Rest(Box<Rest<'a>>),
}

impl Found<'_> {
    fn names(&self, repository: &Repository) -> Result<Vec<SecretName>> {
        match self {
            Self::Bundle(bundle) => Ok(bundle.names().cloned().collect()),
            Self::Rest(rest) => {
                let mut all = repository.local_secrets()?;
                all.extend(rest.escrow.iter().flat_map(|escrow| escrow.names().cloned()));
                all.sort();
                all.dedup();
                Ok(all)
            }
        }
    }

    fn get(&self, context: &Context, name: &SecretName) -> Result<SecretBytes> {
        let missing = || Error::new(format!("there is no {name}")).hint("`pkeys break-glass open` lists what there is");
        match self {
            Self::Bundle(bundle) => bundle.get(name).map(SecretBytes::copy_of).ok_or_else(missing),
            Self::Rest(rest) => {
                let escrowed = rest.escrow.as_ref().and_then(|escrow| escrow.get(name)).map(SecretBytes::copy_of);
                let is_local = files::exists(&rest.opened.repository.secret_file(name))?;
                match escrowed.filter(|_| rest.is_proven || !is_local) {
                    Some(bytes) => Ok(bytes),
                    None if is_local => local(context, rest.opened, name),
                    None => Err(missing()),
                }
            }
        }
    }
}

/// A local secret. Warns if nobody who is trusted vouches for it.
fn local(context: &Context, opened: &Opened, name: &SecretName) -> Result<SecretBytes> {
    if let Err(e) = opened.version(name)
        && opened.trust.is_ok()
    {
        context.ui.warn(&format!("who wrote {name}.age is not proven: {}", e.one_line()));
    }
    opened.local(name)
}

fn of_host(context: &Context, opened: &Opened, host: &crate::base::HostName) -> Result<OpenBundle> {
    let (bundle, authentic) = opened.bundle(host)?;
    // Where nothing says whom to trust, it was said for all bundles.
    if let Err(e) = authentic
        && opened.trust.is_ok()
    {
        context.ui.warn(&format!("who made the bundle of {host} is not proven: {}", e.one_line()));
    }
    Ok(bundle)
}

fn rest<'a>(context: &Context, opened: &'a Opened<'a>) -> Rest<'a> {
    let found = escrow(context, opened);
    let found = found.map_err(|e| context.ui.warn(&format!("the escrow is not opened: {}", e.one_line()))).ok();
    let is_proven = found.as_ref().is_some_and(|(_, is_proven)| *is_proven);
    Rest { opened, escrow: found.map(|(escrow, _)| escrow), is_proven }
}

/// The escrow, and whether a trusted signer signed it. Warns if none did.
fn escrow(context: &Context, opened: &Opened) -> Result<(OpenBundle, bool)> {
    let (escrow, proven) = opened.escrow()?;
    if let (Err(e), true) = (&proven, opened.trust.is_ok()) {
        context.ui.warn(&format!("who made the escrow is not proven: {}", e.one_line()));
    }
    Ok((escrow, proven.is_ok()))
}

fn everything(context: &Context, opened: &Opened, rest: &Found) -> Result<bool> {
    let mut all = Vec::new();
    for host in opened.repository.manifest().hosts.keys() {
        match of_host(context, opened, host) {
            Ok(bundle) => all.push((host.as_str(), bundle.names().cloned().collect())),
            Err(e) => context.ui.error(&e),
        }
    }
    all.push(("", rest.names(opened.repository)?));
    list(context, &all)
}

fn list(context: &Context, all: &[(&str, Vec<SecretName>)]) -> Result<bool> {
    if context.ui.json() {
        let names =
            all.iter().flat_map(|(host, names)| names.iter().map(move |name| json!({ "host": host, "name": name })));
        context.ui.out_json(&names.collect::<Vec<_>>());
        return Ok(true);
    }
    let rows = all.iter().flat_map(|(host, names)| {
        let shown = if host.is_empty() { "-" } else { host };
        names.iter().map(move |name| vec![(shown.to_owned(), Tone::Bold), (name.to_string(), Tone::Plain)])
    });
    context.ui.table(&rows.collect::<Vec<_>>());
    context
        .ui
        .note("next: `pkeys break-glass open [HOST] --secret NAME`, or `--to $XDG_RUNTIME_DIR/out`, or `--ssh USER`");
    Ok(true)
}

fn export(context: &Context, found: &Found, repository: &Repository, directory: &Path) -> Result<bool> {
    if !would_be_in_memory(directory)? {
        return Err(Error::new(format!("{} is on a disk", directory.display()))
            .hint("name a new directory in memory, such as $XDG_RUNTIME_DIR/out or /dev/shm/out"));
    }
    let names = found.names(repository)?;
    let new = files::new_directory(directory)?;
    let write = |name| files::write(&new.join(name), found.get(context, name)?.expose(), files::PRIVATE);
    if let Err(e) = names.iter().try_for_each(write) {
        // Some of the values without the others are of no use to anybody who is in a hurry.
        let _ = std::fs::remove_dir_all(directory);
        return Err(e);
    }
    context.ui.did("written", &format!("{} files to {}", names.len(), directory.display()));
    context.ui.note(&format!("when you are done: rm -r {}", directory.display()));
    Ok(true)
}

/// A shell with the user's keys in an agent of its own, gone with the shell.
fn shell(context: &Context, opened: &Opened, user: &UserName) -> Result<bool> {
    let (escrow, _) = escrow(context, opened)?;
    let keys = UserKeys::load(opened.repository)?;
    let memory = MemoryDirectory::new("agent")?;
    let mut agent: Option<Agent> = None;
    for key in keys.of(user).filter(|key| key.private.is_some()) {
        let Some(bytes) = escrow.get(&SecretName::new(user_entry(key))?) else { continue };
        let private = SecretBytes::copy_of(bytes);
        match &agent {
            Some(agent) => agent.add(&private)?,
            None => agent = Some(Agent::start(memory.path(), user.as_str(), &private)?),
        }
        context.ui.note(&format!("in the agent: {} {}", key.name(), key.public.fingerprint()));
    }
    let agent = agent.ok_or_else(|| {
        Error::new(format!("the escrow has no key of {user}")).hint("`pkeys break-glass open` lists what there is")
    })?;
    let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
    context.ui.note("A shell that can log in with them; leave it with `exit`.");
    let status = run_in_front(Command::new(shell).env("SSH_AUTH_SOCK", agent.socket()));
    let status = status.map_err(|_| Error::new("cannot start a shell").hint("set SHELL"))?;
    Ok(status.success())
}
