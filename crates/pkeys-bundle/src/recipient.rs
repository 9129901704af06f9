//! Recipients: who can decrypt.

use crate::base::{Error, Result};
use crate::{Callbacks, hybrid, sha256_hex};
use std::fmt;
use std::str::FromStr;

/// A public key that can be encrypted to: `age1…`, `age1pq1…`, `ssh-ed25519 …`, `ssh-rsa …`, or a plugin's `age1NAME1…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipient {
    /// As written, without an SSH comment.
    text: String,
    /// How the public manifest names it.
    id: String,
}

impl Recipient {
    /// How the public manifest names it: an SSH key's `SHA256:` fingerprint, `age1pq:sha256:` and the SHA-256 of its text
    /// for a post-quantum recipient, which is 1959 characters long, else the age public key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether what is encrypted to it stays closed to a quantum computer; `None` where only its plugin knows.
    pub fn is_post_quantum(&self) -> Option<bool> {
        match () {
            () if is_hybrid(&self.text) => Some(true),
            () if self.text.starts_with("ssh-") || self.text.parse::<age::x25519::Recipient>().is_ok() => Some(false),
            () => None,
        }
    }

    /// What the `age` crate encrypts to.
    pub(super) fn to_age(&self, callbacks: impl Callbacks) -> Result<Box<dyn age::Recipient>> {
        if let Ok(key) = self.text.parse::<age::x25519::Recipient>() {
            return Ok(Box::new(key));
        }
        if let Ok(key) = self.text.parse::<age::ssh::Recipient>() {
            return Ok(Box::new(key));
        }
        if is_hybrid(&self.text) {
            return Ok(Box::new(hybrid::Recipient::parse(&self.text)?));
        }
        let key: age::plugin::Recipient = self.text.parse().map_err(|_| unusable())?;
        let plugin =
            age::plugin::RecipientPluginV1::new(key.plugin(), std::slice::from_ref(&key), &[], callbacks.clone());
        let missing = |_| {
            Error::new(format!("the age plugin age-plugin-{} is not installed", key.plugin()))
                .hint("install it, so that it is found in PATH")
        };
        let plugin = plugin.map_err(missing)?;
        callbacks.may_run(key.plugin())?;
        Ok(Box::new(plugin))
    }
}

/// Whether it is meant to be `age1pq1…`. Without its checksum: what was mistyped is no plugin's.
fn is_hybrid(text: &str) -> bool {
    text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("age1pq1"))
}

fn unusable() -> Error {
    Error::new("that is not a recipient")
        .hint("a recipient is an age public key (age1… or age1pq1…) or an SSH public key (ssh-ed25519 … or ssh-rsa …)")
}

/// Demands that post-quantum recipients stand beside none but post-quantum ones, as age does: whoever breaks the
/// other ones would read the file all the same. Those of plugins say it of themselves when they are encrypted to.
///
/// # Errors
/// When they are mixed; says which are not post-quantum.
pub fn check_mixture<'a>(recipients: impl IntoIterator<Item = &'a Recipient>) -> Result<()> {
    let (hybrid, others): (Vec<_>, Vec<_>) =
        recipients.into_iter().partition(|recipient| recipient.is_post_quantum() == Some(true));
    let classic: Vec<_> = others.iter().filter(|r| r.is_post_quantum() == Some(false)).map(|r| r.id()).collect();
    if hybrid.is_empty() || classic.is_empty() {
        return Ok(());
    }
    let verb = if classic.len() == 1 { "is not" } else { "are not" };
    Err(Error::new(format!(
        "post-quantum recipients cannot stand beside others, which a quantum computer could open: {} {verb} post-quantum",
        classic.join(", ")
    ))
    .hint("replace it by an age1pq1… recipient, or the post-quantum ones by others; docs/post-quantum.md says how"))
}

impl FromStr for Recipient {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-")
            || text.starts_with("AGE-PLUGIN-")
            || text.starts_with("-----BEGIN")
        {
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
        if is_hybrid(text) {
            // As age writes it, so that one key has one text.
            let text = hybrid::Recipient::parse(text)?.to_string();
            let id = format!("age1pq:sha256:{}", sha256_hex(text.as_bytes()));
            return Ok(Self { text, id });
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
