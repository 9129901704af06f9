//! Which Connect server a source means, and which token goes there.
//!
//! A token never goes to a server that it was not meant for. The keyring keeps each under its server. One that comes
//! from outside belongs to the `OP_CONNECT_HOST` beside it, whatever the manifest says.

use crate::base::{Error, Result, SecretBytes};
use crate::manifest::{Origin, Repository, SourceSettings};
use crate::operator::Keyring;
use crate::source::{Connect, ConnectAddress, ConnectSettings, Reference};

/// The server for a token that comes from outside, typed or in the environment: `OP_CONNECT_HOST`, and only without it
/// the `url` of the source with this name and these settings.
///
/// # Errors
/// When neither is there, one is no address, or they are of different servers.
pub fn connect_server(source: Option<(&str, &SourceSettings)>) -> Result<ConnectAddress> {
    let url = source.and_then(|(name, settings)| Some((name, settings.url.as_deref()?)));
    agreed(url, host().as_deref())
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

/// Makes ready to read from a source.
pub(super) fn open(repository: &Repository, source: Option<(&str, &SourceSettings)>) -> Result<Connect> {
    let settings = source.map(|(_, settings)| settings);
    let token = std::env::var("OP_CONNECT_TOKEN").ok().filter(|token| !token.is_empty()).map(SecretBytes::from);
    let (server, token) = match token {
        Some(token) => (connect_server(source)?, token),
        None => {
            let url = settings.and_then(|s| s.url.clone()).or_else(host).ok_or_else(unnamed)?;
            let server = ConnectAddress::parse(&url)?;
            let token = Keyring.get(&token_name(&server)).ok_or_else(|| {
                Error::new(format!("there is no token for the Connect server {server}"))
                    .hint("run `pkeys login`, or set OP_CONNECT_TOKEN")
            })?;
            (server, token)
        }
    };
    let ca_file = settings.and_then(|s| s.ca_file.as_deref()).map(|path| repository.root().join(path));
    Connect::new(ConnectSettings { ca_file, ..ConnectSettings::new(server.to_string(), token) })
}

/// `OP_CONNECT_HOST`. One that is not UTF-8 counts too: it is refused later, and not passed over.
fn host() -> Option<String> {
    let host = std::env::var_os("OP_CONNECT_HOST").filter(|url| !url.is_empty())?;
    Some(host.to_string_lossy().into_owned())
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
