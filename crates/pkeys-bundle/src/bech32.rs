//! Bech32 (BIP 173), as age writes its keys: a checksum of its own, and no limit to the length.

use crate::base::SecretBytes;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Checksum, Hrp};

/// The 32 characters that stand behind a prefix. B, I, O and 1 are not among them.
pub const ALPHABET: &str = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";

/// BIP 173's checksum without its limit of the length, which the age specification lifts.
enum Bech32Long {}

impl Checksum for Bech32Long {
    type MidstateRepr = u32;
    const CODE_LENGTH: usize = usize::MAX;
    const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [u32; 5] = Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: u32 = Bech32::TARGET_RESIDUE;
}

/// Bytes as `PREFIX1…`, in capitals.
pub fn encode(prefix: &str, bytes: &[u8]) -> SecretBytes {
    let prefix = Hrp::parse_unchecked(prefix);
    // Encodes to the end: there is no limit.
    let text = bech32::encode_upper::<Bech32Long>(prefix, bytes).unwrap_or_default();
    SecretBytes::from(text)
}

/// The bytes of `PREFIX1…` in either case; `None` when the prefix, the checksum or the padding is wrong.
pub fn decode(prefix: &str, text: &str) -> Option<SecretBytes> {
    let parsed = CheckedHrpstring::new::<Bech32Long>(text).ok()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_length_is_read_back_and_one_wrong_character_is_found() {
        for length in [0, 1, 32, 1216] {
            let bytes: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let text = encode("age1pq", &bytes).expose_str().unwrap().to_owned();
            assert_eq!(decode("age1pq", &text).unwrap().expose(), bytes);
            assert_eq!(decode("age1pq", &text.to_lowercase()).unwrap().expose(), bytes);
            assert!(decode("age", &text).is_none());
            let last = if text.ends_with('Q') { "P" } else { "Q" };
            assert!(decode("age1pq", &format!("{}{last}", &text[..text.len() - 1])).is_none());
        }
    }

    #[test]
    fn padding_that_is_not_zero_is_refused() {
        // One byte needs two characters, of which the last two bits are padding.
        let text = bech32::encode_upper::<Bech32Long>(Hrp::parse("x").unwrap(), &[0]).unwrap();
        assert!(decode("x", &text).is_some());
        let forged = bech32::Fe32::Q;
        let symbols = [forged, bech32::Fe32::P];
        use bech32::primitives::iter::Fe32IterExt;
        let hrp = Hrp::parse("x").unwrap();
        let forged: String = symbols.into_iter().with_checksum::<Bech32Long>(&hrp).chars().collect();
        assert!(decode("x", &forged).is_none());
    }
}
