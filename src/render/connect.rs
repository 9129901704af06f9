//! Which Connect server a source means, and which token goes there.
//!
//! A token never goes to a server that it was not meant for. The keyring keeps each under its server. One in the
//! environment belongs to the `OP_CONNECT_HOST` beside it, whatever the manifest says; alone it is refused. Which
//! certificates are trusted is said by the operator's configuration, never by the repository.

use crate::base::{Error, Result};
use crate::manifest::{Origin, Repository, SourceSettings};
use crate::operator::{Config, Keyring, environment};
use crate::source::{Connect, ConnectAddress, ConnectSettings, Reference};
use std::path::{Path, PathBuf};

/// The server for a token that is typed, after its name was shown: `OP_CONNECT_HOST`, and only without it the `url` of
/// the source with this name and these settings.
///
/// # Errors
/// When neither is there, one is no address, or they are of different servers.
pub fn connect_server(source: Option<(&str, &SourceSettings)>) -> Result<ConnectAddress> {
    let url = source.and_then(|(name, settings)| Some((name, settings.url.as_deref()?)));
    agreed(url, environment_host().as_deref())
}

/// The keyring's name for the token of a server.
pub fn token_name(server: &ConnectAddress) -> String {
    format!("connect-token:{server}")
}

/// Makes ready to talk to the server of a vault: that of the only Connect source.
///
/// # Errors
/// When there is none, there are several, or there is no token.
pub fn connect_to(repository: &Repository, vault: &str) -> Result<Connect> {
    let manifest = repository.manifest();
    let origin = Origin::find(manifest, &Reference::parse(&format!("op://{vault}/item/field"))?, None)?;
    open(repository, manifest.sources.get_key_value(&origin.source).map(|(name, settings)| (name.as_str(), settings)))
}

/// The file of CA certificates that the operator trusts for a server, beside the system's.
///
/// # Errors
/// If the operator's configuration cannot be read or names an invalid server.
pub fn trusted_ca(server: &ConnectAddress) -> Result<Option<PathBuf>> {
    for (named, file) in Config::load()?.ca_files {
        let named = ConnectAddress::parse(&named)
            .map_err(|e| e.context("config.toml").hint("write it like [connect.\"https://connect.example.org\"]"))?;
        if named.is_same_server(server) {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Makes ready to read from a source.
pub(super) fn open(repository: &Repository, source: Option<(&str, &SourceSettings)>) -> Result<Connect> {
    let settings = source.map(|(_, settings)| settings);
    let (server, token) = match environment::variable("OP_CONNECT_TOKEN") {
        Some(token) => {
            let host = environment_host().ok_or_else(no_host)?;
            (agreed(source.and_then(|(name, settings)| Some((name, settings.url.as_deref()?))), Some(&host))?, token)
        }
        None => {
            let url = settings.and_then(|s| s.url.clone()).or_else(environment_host).ok_or_else(unnamed)?;
            let server = ConnectAddress::parse(&url)?;
            let token = Keyring.get(&token_name(&server)).ok_or_else(|| {
                Error::new(format!("there is no token for the Connect server {server}"))
                    .hint("run `pkeys login`, or set OP_CONNECT_TOKEN and OP_CONNECT_HOST")
            })?;
            (server, token)
        }
    };
    let ca_file = trusted_ca(&server)?;
    if let Some(path) = ca_file.as_deref().filter(|path| is_inside(path, repository.root())) {
        return Err(Error::new(format!("the CA file {} is in the repository", path.display())).hint(format!(
            "who can commit could replace it: `pkeys login --url {server} --ca-file FILE` keeps a copy of its own"
        )));
    }
    let named = settings.is_some_and(|settings| settings.ca_file.is_some());
    if named && ca_file.is_none() {
        return Err(Error::new("pkeys.toml cannot say which CA is trusted: `ca-file` of the source").hint(format!(
            "remove it there, and trust the CA on this machine: `pkeys login --url {server} --ca-file FILE`"
        )));
    }
    let mut connect = Connect::new(ConnectSettings { ca_file, ..ConnectSettings::new(server.to_string(), token) })?;
    if named {
        connect.warn("`ca-file` in pkeys.toml is ignored: the CA is in your config.toml".into());
    }
    Ok(connect)
}

fn is_inside(path: &Path, root: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| root.canonicalize().is_ok_and(|root| path.starts_with(root)))
}

/// `OP_CONNECT_HOST`. One that is not UTF-8 is refused later rather than ignored.
pub fn environment_host() -> Option<String> {
    environment::variable("OP_CONNECT_HOST").map(|url| String::from_utf8_lossy(url.expose()).into_owned())
}

fn no_host() -> Error {
    Error::new("OP_CONNECT_TOKEN is set without OP_CONNECT_HOST: pkeys.toml alone cannot say where a token goes")
        .hint("set OP_CONNECT_HOST to the server that the token is for")
}

/// The one server that the `url` of a source and `host` name.
fn agreed(url: Option<(&str, &str)>, host: Option<&str>) -> Result<ConnectAddress> {
    let (name, url, host) = match (url, host) {
        (Some((name, url)), Some(host)) => (name, ConnectAddress::parse(url)?, ConnectAddress::parse(host)?),
        (Some((_, one)), None) | (None, Some(one)) => return ConnectAddress::parse(one),
        (None, None) => return Err(unnamed()),
    };
    if url.is_same_server(&host) {
        return Ok(host);
    }
    Err(Error::new(format!(
        "the url of source {name} in pkeys.toml is {url}, but OP_CONNECT_HOST is {host}: the token was sent to neither"
    ))
    .hint("if you know that pkeys.toml is right, set OP_CONNECT_HOST to its server, with a token for it; else correct its url"))
}

fn unnamed() -> Error {
    Error::new("no 1Password Connect server is named").hint(
        "add [sources.onepassword] with kind = \"connect\" and url = \"http://…\" to pkeys.toml, or set OP_CONNECT_HOST",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: Option<&str>, host: Option<&str>) -> Result<String> {
        agreed(url.map(|url| ("s", url)), host).map(|server| server.to_string())
    }

    #[test]
    fn a_token_from_outside_goes_to_the_host_beside_it() {
        assert_eq!(server(None, Some("https://a")).unwrap(), "https://a");
        assert_eq!(server(Some("https://b"), None).unwrap(), "https://b");
        assert_eq!(server(Some("https://A:443/"), Some("https://a/connect")).unwrap(), "https://a/connect");
        for other in ["https://b", "http://a", "https://a:444", "https://a.b", "https://a."] {
            let error = server(Some(other), Some("https://a")).unwrap_err();
            let both = error.message().contains(&format!("pkeys.toml is {other}, "))
                && error.message().contains("is https://a:");
            assert!(both && error.next_step().is_some(), "{error}");
        }
        for (url, host) in [(None, None), (Some("hunter2"), Some("https://a")), (Some("https://a"), Some("hunter2"))] {
            let error = server(url, host).unwrap_err();
            assert!(error.next_step().is_some() && !error.message().contains("hunter2"));
        }
    }

    #[test]
    fn each_server_has_its_own_token() {
        let name = |url: &str| token_name(&ConnectAddress::parse(url).unwrap());
        assert_eq!(name("http://a:8080/"), "connect-token:http://a:8080");
        assert_ne!(name("http://a:8080"), name("https://a:8080"));
        assert_ne!(name("http://a"), name("http://b"));
    }
}
