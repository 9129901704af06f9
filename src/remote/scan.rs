//! Asking a running host for its SSH host key, with the system's `ssh-keyscan`.

use crate::base::{Error, Result};
use crate::bundle::Recipient;
use std::process::{Command, Stdio};

/// A key that a host showed. Nothing proves that it is the right host: the fingerprint has to be compared.
#[derive(Clone, Debug)]
pub struct HostKey {
    /// The key as a recipient.
    pub recipient: Recipient,
    /// `SHA256:…`
    pub fingerprint: String,
}

/// Asks `address` (`host`, `user@host`, `host:port` or `[ipv6]:port`) for its Ed25519 key, else its RSA key.
///
/// # Errors
/// When the host does not answer, or has neither key.
pub fn scan(address: &str) -> Result<HostKey> {
    Ok(scan_all(address)?.swap_remove(0))
}

/// All Ed25519 and RSA keys that a host shows, at least one; Ed25519 first.
///
/// # Errors
/// As [`scan`].
pub(super) fn scan_all(address: &str) -> Result<Vec<HostKey>> {
    let (host, port) = split(address)?;
    let output = Command::new("ssh-keyscan")
        .args(["-T", "10", "-t", "ed25519,rsa", "-p", port, "--", host])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|_| Error::new("cannot run ssh-keyscan").hint("install OpenSSH's client, or use --recipient"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let keys: Vec<&str> = lines.filter_map(|line| line.split_once(' ')).map(|(_, key)| key).collect();
    let of = |kind: &'static str| keys.iter().filter(move |key| key.starts_with(kind));
    let found: Vec<Recipient> = of("ssh-ed25519").chain(of("ssh-rsa")).filter_map(|key| key.parse().ok()).collect();
    if found.is_empty() {
        return Err(Error::new(format!("{host} showed no Ed25519 or RSA host key"))
            .hint("is sshd running there? or give its key with --recipient \"$(cat ssh_host_ed25519_key.pub)\""));
    }
    Ok(found.into_iter().map(|key| HostKey { fingerprint: key.id().to_owned(), recipient: key }).collect())
}

fn split(address: &str) -> Result<(&str, &str)> {
    let bad =
        || Error::new("that is not an address").hint("use a host name or IP address, with :PORT where it is not 22");
    let host = address.rsplit_once('@').map_or(address, |(_, host)| host);
    let (host, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':').unwrap_or("22")),
        None if host.matches(':').count() == 1 => host.split_once(':').ok_or_else(bad)?,
        None => (host, "22"),
    };
    let good = !host.is_empty() && !host.starts_with('-') && port.parse::<u16>().is_ok();
    if good { Ok((host, port)) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn addresses_are_split_into_host_and_port() {
        for (address, host, port) in [
            ("web", "web", "22"),
            ("root@web:2222", "web", "2222"),
            ("[::1]:2222", "::1", "2222"),
            ("::1", "::1", "22"),
            ("[fe80::1]", "fe80::1", "22"),
        ] {
            assert_eq!(split(address).unwrap(), (host, port));
        }
        for bad in ["", "root@", "web:ssh", "-oProxyCommand=x", "web:99999"] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }
}
