//! Where the Connect server is.

use crate::base::{Error, Result};
use reqwest::Url;
use std::net::IpAddr;

const SHAPE: &str = "write it like http://127.0.0.1:8080 in OP_CONNECT_HOST, or as the source's url in pkeys.toml";

/// The address of a Connect server: `http` or `https`, no user, no query, no final slash.
#[derive(Debug)]
pub struct Address {
    text: String,
    /// Scheme, host and port.
    origin: String,
    plain: bool,
    loopback: bool,
}

impl Address {
    /// Checks the address.
    ///
    /// # Errors
    /// When it is none. The message does not repeat it: a token may stand there by mistake.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = |why: &str| Error::new(format!("the address of 1Password Connect {why}")).hint(SHAPE);
        let url = Url::parse(text.trim()).map_err(|_| refused("is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("starts with neither http:// nor https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("has a user or password in it"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("has a '?' or '#' in it"));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| refused("names no host"))?;
        let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let loopback = ip.map_or(host == "localhost" || host.ends_with(".localhost"), |ip| ip.is_loopback());
        let plain = url.scheme() == "http";
        let text = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { text, origin: url.origin().ascii_serialization(), plain, loopback })
    }

    /// Whether both are of one server: the same scheme, host and port.
    pub fn is_same_server(&self, other: &Self) -> bool {
        self.origin == other.origin
    }

    /// The whole address of a call; `path` begins with a slash.
    pub(super) fn of(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// Whether connections to it are not encrypted.
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    /// What the operator should hear before the token travels.
    pub(super) fn warning(&self) -> Option<String> {
        (self.plain && !self.loopback).then(|| {
            format!(
                "{} is not encrypted: whoever is on the way can read the token and the secrets; use https://",
                self.text
            )
        })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_without_the_final_slash() {
        for (text, call) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/vaults"),
            (" https://connect.example/ ", "https://connect.example/v1/vaults"),
            ("http://[::1]:8080/under/", "http://[::1]:8080/under/v1/vaults"),
        ] {
            assert_eq!(Address::parse(text).unwrap().of("/v1/vaults"), call);
        }
    }

    #[test]
    fn only_plain_http_that_leaves_the_machine_is_warned_of() {
        for quiet in ["http://localhost:1", "http://127.1.2.3", "http://[::1]", "https://example.com"] {
            assert_eq!(Address::parse(quiet).unwrap().warning(), None, "{quiet}");
        }
        for loud in ["http://example.com", "http://192.168.1.2:8080", "http://localhost.example.com"] {
            assert!(Address::parse(loud).unwrap().warning().is_some(), "{loud}");
        }
    }

    #[test]
    fn other_addresses_are_refused_without_repeating_them() {
        for text in [
            "",
            "hunter2",
            "hunter2:8080",
            "http://",
            "http://hunter2:x@host",
            "http://host/?token=hunter2",
            "ftp://host",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(!error.message().contains("hunter2") && error.next_step().is_some(), "{text}");
        }
    }
}
