//! One thing found in one text, with nothing in it that could be used.

use crate::scan::kind::Kind;
use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use sha2::{Digest, Sha256};
use std::ops::Range;

/// What identifies a value inside this process: its SHA-256. Never printed: a weak password could be tested with it.
pub(super) type Value = [u8; 32];

/// A thing found in a text.
#[derive(Debug)]
pub(super) struct Found {
    pub kind: &'static Kind,
    /// Where it is in the bytes.
    pub span: Range<usize>,
    /// The same for the same value.
    pub value: Value,
    /// What may be shown.
    pub masked: String,
    /// What may be shown, too, and tells this value from others; for values that cannot be guessed only.
    pub fingerprint: Option<String>,
}

impl Found {
    /// Something whose beginning says only what it is: shown as `prefix… (N characters)`.
    pub fn prefixed(kind: &'static Kind, span: Range<usize>, value: &[u8], prefix: &str) -> Self {
        let masked = format!("{prefix}… ({} characters)", span.len());
        Self { kind, span, value: digest(value), masked, fingerprint: None }
    }

    /// Something that a person may have thought up: only how long it is, in three classes.
    pub fn guessable(kind: &'static Kind, span: Range<usize>, value: &[u8], name: &str) -> Self {
        let length = match String::from_utf8_lossy(value).chars().count() {
            0..8 => "fewer than 8 characters",
            8..16 => "8 to 15 characters",
            _ => "16 characters or more",
        };
        Self { kind, span, value: digest(value), masked: format!("{name} = … ({length})"), fingerprint: None }
    }

    /// Adds the SHA-256 of the value as its fingerprint. Only for values of 100 random bits or more.
    pub fn with_digest(mut self) -> Self {
        self.fingerprint = Some(format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(self.value)));
        self
    }
}

pub(super) fn digest(bytes: &[u8]) -> Value {
    Sha256::digest(bytes).into()
}

/// How many bits each byte carries, judged by how often each occurs.
pub(super) fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let all = f64::from(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    counts.iter().filter(|n| **n > 0).map(|n| f64::from(*n) / all).map(|p| -p * p.log2()).sum()
}
