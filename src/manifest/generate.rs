//! How a new value of a secret is made.

use serde::Deserialize;
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
