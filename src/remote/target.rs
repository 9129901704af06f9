//! Where a host is reached, and which host key it must prove.

use crate::base::{Error, Result};
use crate::bundle::Recipient;
use ssh_key::PublicKey;
use ssh_key::public::KeyData;

/// An address and the host keys that are accepted there.
#[derive(Clone, Debug)]
pub struct Target {
    pub(super) address: String,
    pub(super) keys: HostKeys,
}

/// The host keys that are accepted.
#[derive(Clone, Debug)]
pub(super) enum HostKeys {
    /// One of these.
    Accepted(Vec<PublicKey>),
    /// Whatever the operator's own files of known hosts trust: pkeys knows no SSH key of the host.
    KnownHosts,
}

impl Target {
    /// A host whose accepted keys are the SSH keys among these recipients. Without one, the operator's own files of known
    /// hosts decide.
    pub fn new(address: impl Into<String>, recipients: &[Recipient]) -> Self {
        let keys: Vec<_> = recipients.iter().filter_map(host_key).collect();
        let keys = if keys.is_empty() { HostKeys::KnownHosts } else { HostKeys::Accepted(keys) };
        Self { address: address.into(), keys }
    }

    /// A host that must prove this very key.
    ///
    /// # Errors
    /// If the recipient is not an SSH key.
    pub fn only(address: impl Into<String>, key: &Recipient) -> Result<Self> {
        let key = host_key(key).ok_or_else(|| {
            Error::new("that recipient is not an SSH host key").hint("give the host an Ed25519 or RSA host key")
        })?;
        Ok(Self { address: address.into(), keys: HostKeys::Accepted(vec![key]) })
    }

    /// The address as `pkeys.toml` has it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address without the login name, which is the one for pushing.
    pub(super) fn host(&self) -> &str {
        self.address.rsplit_once('@').map_or(&self.address, |(_, host)| host)
    }
}

impl HostKeys {
    /// A file of known hosts for connections to this host alone, so that every name in it matches.
    pub(super) fn file(&self) -> String {
        let keys = match self {
            Self::Accepted(keys) => &keys[..],
            Self::KnownHosts => &[],
        };
        let lines = keys.iter().filter_map(|key| key.to_openssh().ok());
        lines.map(|line| format!("* {line}\n")).collect()
    }

    /// The value of `HostKeyAlgorithms` with which the host shows a key of an accepted kind.
    pub(super) fn algorithms(&self) -> Option<String> {
        let Self::Accepted(keys) = self else { return None };
        let has = |name: &str| keys.iter().any(|key| key.algorithm().as_str() == name);
        let kinds = [("ssh-ed25519", "ssh-ed25519"), ("ssh-rsa", "rsa-sha2-512,rsa-sha2-256")];
        let kinds: Vec<_> = kinds.iter().filter(|(name, _)| has(name)).map(|(_, algorithms)| *algorithms).collect();
        Some(kinds.join(","))
    }

    /// Whether a key that a host proved is accepted. With the operator's known hosts, `ssh` has judged that already.
    pub(super) fn accept(&self, proven: &KeyData) -> bool {
        match self {
            Self::Accepted(keys) => keys.iter().any(|key| key.key_data() == proven),
            Self::KnownHosts => true,
        }
    }

    /// The same, with only the keys of one kind; one for each kind, Ed25519 first.
    pub(super) fn by_kind(&self) -> Vec<Self> {
        let Self::Accepted(keys) = self else { return vec![self.clone()] };
        let of = |name: &str| keys.iter().filter(|key| key.algorithm().as_str() == name).cloned().collect::<Vec<_>>();
        ["ssh-ed25519", "ssh-rsa"].map(of).into_iter().filter(|keys| !keys.is_empty()).map(Self::Accepted).collect()
    }
}

/// The host key that a recipient is; `None` for age keys.
fn host_key(recipient: &Recipient) -> Option<PublicKey> {
    let text = recipient.to_string();
    text.starts_with("ssh-").then(|| PublicKey::from_openssh(&text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJSRNUWgI+OIjzO1q+FZ0NQ8rPF620EHEERr2g+Ejcw";
    const AGE: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";

    #[test]
    fn the_ssh_recipients_are_the_accepted_host_keys() {
        let parse = |text: &str| text.parse::<Recipient>().unwrap();
        let both = Target::new("root@web:22", &[parse(AGE), parse(&format!("{ED25519} root@web"))]);
        assert_eq!((both.host(), both.keys.file()), ("web:22", format!("* {ED25519}\n")));
        assert_eq!(both.keys.algorithms().as_deref(), Some("ssh-ed25519"));
        let age = Target::new("web", &[parse(AGE)]);
        assert!(matches!(age.keys, HostKeys::KnownHosts) && age.keys.algorithms().is_none());
        assert!(Target::only("web", &parse(AGE)).is_err());
    }
}
