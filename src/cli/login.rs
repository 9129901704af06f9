//! `login` and `logout`: the 1Password Connect token in the OS keyring.

use crate::base::error::did_you_mean;
use crate::base::{Error, Result, SecretBytes};
use crate::cli::{args::Login, context::Context, ui::count};
use crate::manifest::{SourceKind, SourceSettings};
use crate::operator::{Keyring, Stored};
use crate::render::{connect_server, token_name};
use crate::source::{Connect, ConnectAddress, ConnectSettings};
use std::io::IsTerminal;
use std::path::PathBuf;

const WITHOUT_KEYRING: &str = "set OP_CONNECT_TOKEN (and OP_CONNECT_HOST) in the environment instead";

pub(super) fn login(context: &Context, args: &Login) -> Result<bool> {
    let (url, ca_file) = server(context, args)?;
    let token = read_token(context, &url)?;
    let connect = Connect::new(ConnectSettings {
        ca_file,
        ..ConnectSettings::new(url.to_string(), SecretBytes::copy_of(token.expose()))
    })?;
    connect.warnings().iter().for_each(|warning| context.ui.warn(warning));
    let vaults = connect.check()?;
    match Keyring.set(&token_name(&url), &token).map_err(|e| e.hint(WITHOUT_KEYRING))? {
        Stored::Desktop => context.ui.note("The token is in your keyring."),
        Stored::Kernel => context
            .ui
            .note("The token is in the kernel's keyring until this machine restarts: there is no desktop keyring."),
    }
    context.ui.did("checked", &url);
    context.ui.note(&format!("The token opens {}: {}", count(vaults.len(), "vault"), vaults.join(", ")));
    Ok(true)
}

pub(super) fn logout(context: &Context, args: &Login) -> Result<bool> {
    let (url, _) = server(context, args)?;
    let removed = Keyring.remove(&token_name(&url));
    context.ui.did(if removed { "removed" } else { "no token" }, &url);
    if std::env::var_os("OP_CONNECT_TOKEN").is_some() {
        context.ui.warn("OP_CONNECT_TOKEN is still set in this environment");
    }
    Ok(true)
}

/// The server that is meant: named, or the one Connect source.
fn server(context: &Context, args: &Login) -> Result<(ConnectAddress, Option<PathBuf>)> {
    if let Some(url) = &args.url {
        return Ok((ConnectAddress::parse(url)?, None));
    }
    let repository = match context.repository() {
        Ok(repository) => repository,
        Err(e) if args.source.is_some() => return Err(e),
        Err(_) => return Ok((connect_server(None)?, None)),
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
    let ca_file = source.and_then(|(_, s)| s.ca_file.as_deref()).map(|path| repository.root().join(path));
    Ok((connect_server(source.map(|(name, settings)| (name.as_str(), settings)))?, ca_file))
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
        context.prompt.secret(&format!("Connect token for {url}")).ok_or_else(|| Error::new("no token was given"))?
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
