//! `login` and `logout`: the 1Password Connect token in the OS keyring.

use crate::base::error::did_you_mean;
use crate::base::{Error, Result, SecretBytes, files};
use crate::cli::{args::Login, args::Logout, args::Server, context::Context, ui::count};
use crate::manifest::{SourceKind, SourceSettings};
use crate::operator::{Config, Keyring, Stored, environment};
use crate::render::{connect_server, environment_host, token_name, trusted_ca};
use crate::source::{Connect, ConnectAddress, ConnectSettings};
use std::io::IsTerminal;

const WITHOUT_KEYRING: &str = "set OP_CONNECT_TOKEN and OP_CONNECT_HOST in the environment instead";
const MAX_CA: usize = 1024 * 1024;

pub(super) fn login(context: &Context, args: &Login) -> Result<bool> {
    let url = server(context, &args.server)?;
    // At a terminal the operator sees where the token goes before typing it.
    if !std::io::stdin().is_terminal() && args.server.url.is_none() && environment_host().is_none() {
        return Err(Error::new("pkeys.toml alone cannot say where a token goes that is not typed at a terminal")
            .hint(format!("if it is for {url}: `pkeys login --url {url}`")));
    }
    let ca = match &args.ca_file {
        None => None,
        Some(path) => {
            let missing = || Error::new(format!("there is no CA file {}", path.display())).hint("correct --ca-file");
            Some(files::read(path, MAX_CA)?.ok_or_else(missing)?)
        }
    };
    let ca_file = if args.ca_file.is_some() { args.ca_file.clone() } else { trusted_ca(&url)? };
    let token = read_token(context, &url)?;
    let connect = Connect::new(ConnectSettings {
        ca_file,
        ..ConnectSettings::new(url.to_string(), SecretBytes::copy_of(token.expose()))
    })?;
    connect.warnings().iter().for_each(|warning| context.ui.warn(warning));
    let vaults = connect.check()?;
    if let Some(pem) = ca {
        let copy = Config::remember_ca(&url.to_string(), &pem)?;
        context.ui.note(&format!("The CA of {url} is trusted on this machine: {}", copy.display()));
    }
    match Keyring.set(&token_name(&url), &token).map_err(|e| e.hint(WITHOUT_KEYRING))? {
        Stored::Desktop => context.ui.note("The token is in your keyring."),
        Stored::Kernel { after_logout } => context.ui.note(&format!(
            "The token is in the kernel's keyring, since there is no desktop keyring: it is gone {}, and when this \
             machine restarts.",
            match after_logout {
                Some(time) => format!("once you are logged out and did not use pkeys for {time}"),
                None => "once you log out".into(),
            }
        )),
    }
    context.ui.did("checked", &url);
    context.ui.note(&format!("The token opens {}: {}", count(vaults.len(), "vault"), vaults.join(", ")));
    Ok(true)
}

pub(super) fn logout(context: &Context, args: &Logout) -> Result<bool> {
    if args.all {
        let names = Keyring.names();
        for name in names.iter().filter(|name| Keyring.remove(name)) {
            context.ui.did("removed", &readable(name));
        }
        if names.is_empty() {
            context.ui.note("Nothing of pkeys was in a keyring.");
        }
    } else {
        let url = server(context, &args.server)?;
        let removed = Keyring.remove(&token_name(&url));
        context.ui.did(if removed { "removed" } else { "no token" }, &url);
        let left: Vec<_> = Keyring.names().iter().map(|name| readable(name)).collect();
        if !left.is_empty() {
            context.ui.note(&format!("Still in the keyring: {} (`pkeys logout --all` removes them)", left.join(", ")));
        }
    }
    if environment::variable("OP_CONNECT_TOKEN").is_some() {
        context.ui.warn("OP_CONNECT_TOKEN is still set in this environment");
    }
    Ok(true)
}

/// What an entry of the keyring is, in words.
fn readable(name: &str) -> String {
    match name.split_once(':') {
        Some(("connect-token", server)) => format!("the token for {server}"),
        Some(("passphrase", question)) => format!("the {}", question.replacen("Passphrase", "passphrase", 1)),
        _ => name.to_owned(),
    }
}

/// The server that is meant: named, or the one Connect source.
fn server(context: &Context, args: &Server) -> Result<ConnectAddress> {
    if let Some(url) = &args.url {
        return ConnectAddress::parse(url);
    }
    let repository = match context.repository() {
        Ok(repository) => repository,
        Err(e) if args.source.is_some() => return Err(e),
        Err(_) => return connect_server(None),
    };
    let sources: Vec<(&String, &SourceSettings)> =
        repository.manifest().sources.iter().filter(|(_, s)| s.kind == SourceKind::Connect).collect();
    let source = match (&args.source, &sources[..]) {
        (Some(named), sources) => match sources.iter().find(|(name, _)| *name == named) {
            Some(source) => Some(*source),
            None => return Err(no_source(named, sources)),
        },
        (None, []) => None,
        (None, [one]) => Some(*one),
        (None, _) => return Err(Error::new("pkeys.toml has several Connect sources").hint("say which with --source")),
    };
    connect_server(source.map(|(name, settings)| (name.as_str(), settings)))
}

fn no_source(named: &str, sources: &[(&String, &SourceSettings)]) -> Error {
    let known: Vec<_> = sources.iter().map(|(name, _)| name.as_str()).collect();
    let error = Error::new(format!("pkeys.toml has no Connect source {named}"));
    match did_you_mean(named, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None if known.is_empty() => error.hint("add [sources.onepassword] with kind = \"connect\" to it"),
        None => error.hint(format!("it has {}", known.join(", "))),
    }
}

fn read_token(context: &Context, url: &ConnectAddress) -> Result<SecretBytes> {
    let mut token = if std::io::stdin().is_terminal() {
        let asked = context.prompt.secret(&format!("Connect token for {url}"));
        let asked = asked.map_err(|e| e.hint("a token is one line: copy it alone"))?;
        asked.ok_or_else(|| Error::new("no token was given"))?
    } else {
        SecretBytes::from_stdin(64 * 1024).map_err(|e| Error::new(format!("cannot read the token: {}", e.kind())))?
    };
    let trimmed = token.expose().trim_ascii();
    if trimmed.is_empty() || !trimmed.iter().all(u8::is_ascii_graphic) {
        return Err(
            Error::new("that is not a Connect token").hint("it is one line of letters, digits, '.', '-' and '_'")
        );
    }
    if trimmed.len() != token.len() {
        token = SecretBytes::copy_of(trimmed);
    }
    Ok(token)
}
