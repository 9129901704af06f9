//! One share of a break-glass key: `PKEYS-SHARE-1…`, of a post-quantum one `PKEYS-SHARE-PQ-1…`; Bech32 over 39 bytes.
//!
//! The bytes: 4 of the key's fingerprint, how many shares open it, how many there are, this one's number (the x of
//! Shamir's scheme), and 32 bytes (the y, one for each byte of the key).

use super::BreakGlassIdentity;
use super::identity::tag;
use super::lines::{Kind, SHARE, SHARE_PQ};
use crate::base::{Error, Result, SecretBytes};
use crate::bundle::{Recipient, bech32};

const PREFIX: &str = "pkeys-share-";
const PREFIX_PQ: &str = "pkeys-share-pq-";
const HEAD: usize = 7;
/// The bytes of a share: head and value.
const BYTES: usize = HEAD + 32;

/// One holder's share. It says nothing of the key, prints nothing, and is wiped when dropped.
pub struct Share {
    bytes: SecretBytes,
    post_quantum: bool,
}

impl Share {
    /// Reads `PKEYS-SHARE-1…` or `PKEYS-SHARE-PQ-1…`, in capitals or not.
    ///
    /// # Errors
    /// When it is no share or was damaged. The text is not repeated.
    pub fn parse(text: &str) -> Result<Self> {
        let damaged = || {
            Error::new("it does not fit its own checksum")
                .hint("compare it with the sheet, character by character, or scan the sheet's code again")
        };
        let read = |prefix, post_quantum| Some((bech32::decode(prefix, text.trim())?, post_quantum));
        let (bytes, post_quantum) = read(PREFIX, false).or_else(|| read(PREFIX_PQ, true)).ok_or_else(damaged)?;
        if bytes.len() != BYTES {
            return Err(damaged());
        }
        let share = Self { bytes, post_quantum };
        if share.number() == 0 || share.threshold() < 2 || share.count() < share.threshold() {
            return Err(damaged());
        }
        Ok(share)
    }

    /// A share of a key. `point` is Shamir's x and, behind it, the 32 y.
    pub(super) fn new(key: &BreakGlassIdentity, threshold: u8, count: u8, point: &[u8]) -> Result<Self> {
        let mut bytes = SecretBytes::with_capacity(BYTES);
        for part in [&tag(key.recipient())[..], &[threshold, count], point] {
            bytes.extend(part);
        }
        let post_quantum = key.is_post_quantum();
        if bytes.len() == BYTES {
            Ok(Self { bytes, post_quantum })
        } else {
            Err(Error::new("the key could not be shared"))
        }
    }

    /// The text: `PKEYS-SHARE-1…` or `PKEYS-SHARE-PQ-1…`, in capitals.
    pub fn text(&self) -> SecretBytes {
        bech32::encode(if self.post_quantum { PREFIX_PQ } else { PREFIX }, self.bytes.expose())
    }

    /// Whether the key is post-quantum.
    pub fn is_post_quantum(&self) -> bool {
        self.post_quantum
    }

    /// How it stands on paper.
    pub(super) fn kind(&self) -> &'static Kind {
        if self.post_quantum { &SHARE_PQ } else { &SHARE }
    }

    /// The start of the fingerprint of the key that it is a share of, as the sheets have it.
    pub fn fingerprint(&self) -> String {
        let bytes = self.bytes.expose();
        format!("{:02x}{:02x} {:02x}{:02x}…", bytes[0], bytes[1], bytes[2], bytes[3])
    }

    /// Whether it says that it is a share of the key with this recipient. It may be wrong: 32 bits of a fingerprint are
    /// compared.
    pub fn is_of(&self, recipient: &Recipient) -> bool {
        self.bytes.expose()[..4] == tag(recipient)
    }

    /// How many shares open the key.
    pub fn threshold(&self) -> u8 {
        self.bytes.expose()[4]
    }

    /// How many shares were made.
    pub fn count(&self) -> u8 {
        self.bytes.expose()[5]
    }

    /// Which of them this is; the first is 1.
    pub fn number(&self) -> u8 {
        self.bytes.expose()[6]
    }

    /// Shamir's x and, behind it, the 32 y.
    pub(super) fn point(&self) -> &[u8] {
        &self.bytes.expose()[6..]
    }

    /// What shares of one splitting have in common.
    pub(super) fn set(&self) -> &[u8] {
        &self.bytes.expose()[..6]
    }
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[share {} of {} of {}]", self.number(), self.count(), self.fingerprint())
    }
}
