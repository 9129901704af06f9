//! One thing that a repository says and that somebody has to accept.

use crate::base::{FleetId, HostName, OperatorName, SecretName, UserName};
use base64::Engine;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt;

/// What `pkeys.toml`, `keys.toml` and `secrets/` say, as far as it gives somebody access.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "claim", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Claim {
    /// This SSH public key signs bundles.
    Signer {
        /// The signer's name in `pkeys.toml`.
        name: OperatorName,
        /// The OpenSSH public key, without its comment.
        key: String,
    },
    /// This recipient can open local secrets.
    Operator {
        /// The operator's name in `pkeys.toml`.
        name: OperatorName,
        /// [`crate::bundle::Recipient::id`]
        recipient: String,
    },
    /// This recipient can open everything.
    BreakGlass {
        /// [`crate::bundle::Recipient::id`]
        recipient: String,
    },
    /// Values are read from this vault.
    Vault {
        /// The kind and address of the store that has it.
        store: String,
        /// Its name or id, as references have it.
        vault: String,
    },
    /// This local secret has this ciphertext, although no accepted signer has signed it yet.
    Local {
        /// The secret.
        name: SecretName,
        /// The SHA-256 of its age file, in hexadecimal.
        sha256: String,
    },
    /// This recipient can open the bundle of a host.
    Recipient {
        /// The host.
        host: HostName,
        /// [`crate::bundle::Recipient::id`]
        recipient: String,
    },
    /// A host gets this secret.
    Secret {
        /// The host.
        host: HostName,
        /// The secret's name there.
        name: SecretName,
        /// Where its value is read.
        reference: String,
        /// The source that `pkeys.toml` names for it, where several could hold such a reference.
        source: Option<String>,
    },
    /// This key logs a user in to a host.
    Key {
        /// The host.
        host: HostName,
        /// The user there.
        user: UserName,
        /// The line of `authorized_keys`.
        line: String,
    },
}

impl Claim {
    /// The host that it is about; `None` if it is about the whole fleet.
    pub fn host(&self) -> Option<&HostName> {
        match self {
            Self::Recipient { host, .. } | Self::Secret { host, .. } | Self::Key { host, .. } => Some(host),
            _ => None,
        }
    }

    /// Whether it belongs to the trust set: who signs and who can read everything.
    pub fn is_of_trust_set(&self) -> bool {
        matches!(self, Self::Signer { .. } | Self::Operator { .. } | Self::BreakGlass { .. })
    }
}

/// One line for a person, without the host: `+ secret bank from op://Private/Bank/password`.
impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signer { name, key } => write!(f, "+ signer {name} {}", key_fingerprint(key)),
            Self::Operator { name, recipient } => write!(f, "+ operator {name} {recipient}"),
            Self::BreakGlass { recipient } => write!(f, "+ break-glass recipient {recipient}"),
            Self::Vault { store, vault } => write!(f, "+ vault {vault} of {store}"),
            Self::Local { name, sha256 } => {
                write!(f, "+ value of {name} that no accepted signer signed (sha256:{sha256})")
            }
            Self::Recipient { recipient, .. } => write!(f, "+ recipient {recipient}"),
            Self::Secret { name, reference, source: None, .. } => write!(f, "+ secret {name} from {reference}"),
            Self::Secret { name, reference, source: Some(source), .. } => {
                write!(f, "+ secret {name} from {reference} of {source}")
            }
            Self::Key { user, line, .. } => {
                let (options, _) = split_options(line);
                write!(f, "+ key {} for {user}", key_fingerprint(line))?;
                if options.is_empty() { Ok(()) } else { write!(f, " with {options}") }
            }
        }
    }
}

/// The fingerprint of the public key in a line; the line itself if there is none.
pub fn key_fingerprint(line: &str) -> String {
    let key = ssh_key::PublicKey::from_openssh(split_options(line).1);
    key.map_or_else(|_| line.to_owned(), |key| key.fingerprint(ssh_key::HashAlg::Sha256).to_string())
}

/// The options and the key of a line of `authorized_keys`: options end at the first blank outside of quotes, and what may
/// look like a key inside them is none.
fn split_options(line: &str) -> (&str, &str) {
    if ssh_key::PublicKey::from_openssh(line).is_ok() {
        return ("", line);
    }
    let (mut quoted, mut escaped) = (false, false);
    let end = line.char_indices().find(|(_, c)| {
        let is_end = c.is_ascii_whitespace() && !quoted;
        quoted ^= *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        is_end
    });
    end.map_or(("", line), |(at, _)| (&line[..at], line[at..].trim_start()))
}

/// The fingerprint of a fleet's trust set, `SHA256:…`, as it is compared by eye between two machines.
pub fn trust_set_fingerprint<'a>(fleet: &FleetId, claims: impl IntoIterator<Item = &'a Claim>) -> String {
    let members: BTreeSet<_> = claims.into_iter().filter(|claim| claim.is_of_trust_set()).collect();
    // JSON: no name can look like the end of a member and the start of another.
    let text = serde_json::to_vec(&("pkeys-trust-set/1", fleet, members)).expect("claims have only texts");
    let hash = Sha256::digest(text);
    format!("SHA256:{}", base64::engine::general_purpose::STANDARD_NO_PAD.encode(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJSRNUWgI+OIjzO1q+FZ0NQ8rPF620EHEERr2g+Ejcw";

    #[test]
    fn a_key_is_shown_by_fingerprint_and_options() {
        let claim = |line: &str| Claim::Key {
            host: HostName::new("web").unwrap(),
            user: UserName::new("root").unwrap(),
            line: line.into(),
        };
        let shown = claim(&format!("{KEY} ann@laptop")).to_string();
        assert!(shown.starts_with("+ key SHA256:") && shown.ends_with(" for root"), "{shown}");
        let shown = claim(&format!("from=\"10.0.0.1\",no-pty {KEY}")).to_string();
        assert!(shown.ends_with("for root with from=\"10.0.0.1\",no-pty"), "{shown}");
    }

    #[test]
    fn a_key_inside_of_options_is_not_the_one_that_is_shown() {
        let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdkoSukVfg6r463QeUVfDYUoxF5VaW1f9+faPW8yugu";
        for options in [format!("environment=\"X= {other} \""), format!("command=\"a \\\" # {other} \",no-pty")] {
            let line = format!("{options} {KEY} mallory");
            assert_eq!(key_fingerprint(&line), key_fingerprint(KEY), "{line}");
            assert_eq!(split_options(&line).0, options);
        }
        assert_ne!(key_fingerprint(other), key_fingerprint(KEY));
    }

    #[test]
    fn a_name_has_nothing_in_it_that_could_end_it() {
        for name in ["", "ann smith", "ann\nsigner bob", "ann\tx", "ann\"", "ann\u{202e}", "-ann"] {
            assert!(OperatorName::new(name).is_err(), "{name:?}");
        }
        for name in ["ann", "ann@laptop", "a.b_c-d+e", "7"] {
            assert!(OperatorName::new(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn the_fingerprint_changes_with_the_fleet_and_each_member_and_not_with_grants() {
        let fleet = FleetId::random();
        let signer = Claim::Signer { name: OperatorName::new("ann").unwrap(), key: KEY.into() };
        let operator = Claim::Operator { name: OperatorName::new("ann").unwrap(), recipient: "age1x".into() };
        let grant = Claim::Recipient { host: HostName::new("web").unwrap(), recipient: "age1y".into() };
        let both = trust_set_fingerprint(&fleet, [&signer, &operator]);
        assert_eq!(both, trust_set_fingerprint(&fleet, [&operator, &grant, &signer]));
        assert_ne!(both, trust_set_fingerprint(&fleet, [&signer]));
        assert_ne!(both, trust_set_fingerprint(&FleetId::random(), [&signer, &operator]));
    }
}
