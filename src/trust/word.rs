//! One entry of `pkeys.toml` or `keys.toml` that, together with others, decides what hosts get.

use crate::base::{HostName, KeyLabel, SecretName, UserName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An entry that the commands of this machine may have written. Selectors are as in the file: a host's name, `tag:NAME`, `*`.
///
/// `pkeys host add` makes claims of entries that are there already, such as `hosts = ["*"]` of a secret. Only where this
/// machine wrote all entries that a claim follows from is the claim accepted without a question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Word {
    /// A host has a tag.
    Tag {
        /// The host.
        host: HostName,
        /// Its tag.
        tag: String,
    },
    /// A host has a recipient.
    Recipient {
        /// The host.
        host: HostName,
        /// [`crate::bundle::Recipient::id`]
        recipient: String,
    },
    /// The private half of a host's next key is read there.
    HostKey {
        /// The host.
        host: HostName,
        /// Where.
        reference: String,
    },
    /// The value of a secret is read there.
    From {
        /// The secret.
        secret: SecretName,
        /// Where.
        reference: String,
        /// The source that `pkeys.toml` names for it.
        source: Option<String>,
    },
    /// A secret is for some hosts.
    For {
        /// The secret.
        secret: SecretName,
        /// Which hosts.
        selector: String,
    },
    /// The keys of a user are for some hosts.
    User {
        /// The user.
        user: UserName,
        /// Which hosts.
        selector: String,
    },
    /// A user has a key.
    Key {
        /// The user.
        user: UserName,
        /// The line of `authorized_keys`.
        line: String,
    },
    /// One key of a user is for some hosts, of those that the user has.
    KeyFor {
        /// The user.
        user: UserName,
        /// The key's label.
        label: KeyLabel,
        /// Which hosts.
        selector: String,
    },
    /// A key was taken off a host, where the one that replaces it may stand.
    Withdrawn {
        /// The host.
        host: HostName,
        /// The user.
        user: UserName,
        /// The line of `authorized_keys`.
        line: String,
    },
}

/// One line for a person: `+ secret bank is for tag:server`.
impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag { host, tag } => write!(f, "+ tag {tag} of {host}"),
            Self::Recipient { host, recipient } => write!(f, "+ recipient {recipient} of {host}"),
            Self::HostKey { host, reference } => write!(f, "+ next host key of {host} from {reference}"),
            Self::From { secret, reference, source: None } => write!(f, "+ secret {secret} from {reference}"),
            Self::From { secret, reference, source: Some(source) } => {
                write!(f, "+ secret {secret} from {reference} of {source}")
            }
            Self::For { secret, selector } => write!(f, "+ secret {secret} is for {selector}"),
            Self::User { user, selector } => write!(f, "+ keys of {user} are for {selector}"),
            Self::Key { user, line } => write!(f, "+ key {} of {user}", super::key_fingerprint(line)),
            Self::Withdrawn { host, user, line } => {
                write!(f, "- key {} of {user} on {host}", super::key_fingerprint(line))
            }
            Self::KeyFor { user, label, selector } => write!(f, "+ key {label} of {user} is for {selector}"),
        }
    }
}
