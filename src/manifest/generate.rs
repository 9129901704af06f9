//! How a new value of a secret is made.

use serde::Deserialize;
use std::fmt;
use std::num::NonZeroU16;

/// `generate = { length = 40 }` of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Generate {
    /// So many letters and digits.
    Length(NonZeroU16),
    /// So many random bytes.
    Bytes(NonZeroU16),
    /// So many words of the BIP 39 English list, joined by `-`.
    Words(NonZeroU16),
}

/// As in `pkeys.toml`: `length 40`.
impl fmt::Display for Generate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(number) => write!(f, "length {number}"),
            Self::Bytes(number) => write!(f, "bytes {number}"),
            Self::Words(number) => write!(f, "words {number}"),
        }
    }
}
