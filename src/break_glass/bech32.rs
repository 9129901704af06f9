//! Bech32 (BIP 173), as age writes its keys: text in capitals, with a checksum of its own.

use crate::base::SecretBytes;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};

/// The 32 characters that stand behind a prefix. B, I, O and 1 are not among them.
pub const ALPHABET: &str = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";

/// Bytes as `PREFIX1…`, in capitals.
pub fn encode(prefix: &str, bytes: &[u8]) -> SecretBytes {
    let prefix = Hrp::parse_unchecked(prefix);
    // Encodes to the end: the lengths here are far below Bech32's limit.
    let text = bech32::encode_upper::<Bech32>(prefix, bytes).unwrap_or_default();
    SecretBytes::from(text)
}

/// The bytes of `PREFIX1…` in either case; `None` when the prefix, the checksum or the padding is wrong.
pub fn decode(prefix: &str, text: &str) -> Option<SecretBytes> {
    let parsed = CheckedHrpstring::new::<Bech32>(text).ok()?;
    if parsed.hrp() != Hrp::parse_unchecked(prefix) {
        return None;
    }
    let mut bytes = SecretBytes::with_capacity(text.len());
    for byte in parsed.byte_iter() {
        bytes.extend(&[byte]);
    }
    let again = encode(prefix, bytes.expose());
    again.expose().eq_ignore_ascii_case(text.as_bytes()).then_some(bytes)
}
