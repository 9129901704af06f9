//! Asking a running host for its SSH host key, with the system's `ssh-keyscan`.

use crate::base::{Error, Result};
use crate::bundle::Recipient;
use crate::remote::address;
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
    let found = of("ssh-ed25519").chain(of("ssh-rsa")).find_map(|key| key.parse::<Recipient>().ok());
    let recipient = found.ok_or_else(|| {
        Error::new(format!("{host} showed no Ed25519 or RSA host key"))
            .hint("is sshd running there? or give its key with --recipient \"$(cat ssh_host_ed25519_key.pub)\"")
    })?;
    Ok(HostKey { fingerprint: recipient.id().to_owned(), recipient })
}

/// Host and port, as `ssh-keyscan` wants them.
fn split(address: &str) -> Result<(&str, &str)> {
    let (target, port) = address::split(address)?;
    let host = target.rsplit_once('@').map_or(target, |(_, host)| host);
    Ok((host.trim_matches(['[', ']']), port.unwrap_or("22")))
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
