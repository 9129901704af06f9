//! Recipients: who can decrypt.

use crate::base::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// A public key that can be encrypted to: `age1…`, `ssh-ed25519 …`, `ssh-rsa …`, or a plugin's `age1NAME1…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipient {
    /// As written, without an SSH comment.
    text: String,
    /// How the public manifest names it.
    id: String,
}

impl Recipient {
    /// How the public manifest names it: an SSH key's `SHA256:` fingerprint, else the age public key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the `age` crate encrypts to.
    pub(super) fn to_age(&self, callbacks: impl age::Callbacks) -> Result<Box<dyn age::Recipient>> {
        if let Ok(key) = self.text.parse::<age::x25519::Recipient>() {
            return Ok(Box::new(key));
        }
        if let Ok(key) = self.text.parse::<age::ssh::Recipient>() {
            return Ok(Box::new(key));
        }
        let key: age::plugin::Recipient = self.text.parse().map_err(|_| unusable())?;
        let plugin = age::plugin::RecipientPluginV1::new(key.plugin(), std::slice::from_ref(&key), &[], callbacks);
        let missing = |_| {
            Error::new(format!("the age plugin age-plugin-{} is not installed", key.plugin()))
                .hint("install it, so that it is found in PATH")
        };
        Ok(Box::new(plugin.map_err(missing)?))
    }
}

fn unusable() -> Error {
    Error::new("that is not a recipient")
        .hint("a recipient is an age public key (age1…) or an SSH public key (ssh-ed25519 … or ssh-rsa …)")
}

impl FromStr for Recipient {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.starts_with("AGE-SECRET-KEY-") || text.starts_with("AGE-PLUGIN-") || text.starts_with("-----BEGIN") {
            return Err(Error::new("that is a private key, not a recipient")
                .hint("only public keys go into pkeys.toml; if this one was committed, replace it"));
        }
        if text.starts_with("ssh-") || text.starts_with("ecdsa-") || text.starts_with("sk-") {
            let key = ssh_key::PublicKey::from_openssh(text).map_err(|_| unusable())?;
            let text: Vec<_> = text.split_ascii_whitespace().take(2).collect();
            let text = text.join(" ");
            text.parse::<age::ssh::Recipient>().map_err(|_| {
                Error::new("that SSH key cannot be encrypted to")
                    .hint("age encrypts to ssh-ed25519 and ssh-rsa keys only; use one of those or an age1… key")
            })?;
            return Ok(Self { text, id: key.fingerprint(ssh_key::HashAlg::Sha256).to_string() });
        }
        let known = text.parse::<age::x25519::Recipient>().is_ok() || text.parse::<age::plugin::Recipient>().is_ok();
        if known { Ok(Self { text: text.into(), id: text.into() }) } else { Err(unusable()) }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSH: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJSRNUWgI+OIjzO1q+FZ0NQ8rPF620EHEERr2g+Ejcw";

    #[test]
    fn a_comment_is_not_part_of_the_recipient() {
        let one: Recipient = SSH.parse().unwrap();
        let two: Recipient = format!("{SSH} root@web ").parse().unwrap();
        assert_eq!(one, two);
        assert!(one.id().starts_with("SHA256:"), "{}", one.id());
    }

    #[test]
    fn a_private_key_is_refused_and_not_repeated() {
        let key = "AGE-SECRET-KEY-1QQQQ";
        let error = key.parse::<Recipient>().unwrap_err();
        assert!(!format!("{error:?}").contains("1QQQQ"));
        for bad in ["", "age1", "ssh-ed25519", "ssh-dss AAAA", "hello"] {
            assert!(bad.parse::<Recipient>().is_err(), "{bad}");
        }
    }
}
