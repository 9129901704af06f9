//! One-time passwords (RFC 6238, SHA-1), from an `otpauth://` address or a bare base32 secret.

use hmac::{Hmac, Mac};
use sha1::Sha1;

/// The password of this moment, or `None` when the value is no secret that we understand.
pub(crate) fn now(value: &str) -> Option<String> {
    let seconds = u64::try_from(jiff::Timestamp::now().as_second()).ok()?;
    at(value, seconds)
}

fn at(value: &str, seconds: u64) -> Option<String> {
    let (mut secret, mut period, mut digits) = (value, 30u64, 6u32);
    if let Some((_, query)) = value.strip_prefix("otpauth://totp/").and_then(|rest| rest.split_once('?')) {
        secret = "";
        for pair in query.split('&') {
            match pair.split_once('=')? {
                ("secret", text) => secret = text,
                ("period", text) => period = text.parse().ok().filter(|period| *period > 0)?,
                ("digits", text) => digits = text.parse().ok().filter(|digits| (6..=8).contains(digits))?,
                ("algorithm", text) if !text.eq_ignore_ascii_case("SHA1") => return None,
                _ => {}
            }
        }
    }
    let mut mac = Hmac::<Sha1>::new_from_slice(&base32(secret)?).ok()?;
    mac.update(&(seconds / period).to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let start = usize::from(digest[19] & 15);
    let four: [u8; 4] = digest[start..start + 4].try_into().ok()?;
    let number = (u32::from_be_bytes(four) & 0x7fff_ffff) % 10u32.pow(digits);
    Some(format!("{number:0width$}", width = digits as usize))
}

fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0u32, 0u32);
    for letter in text.trim_end_matches('=').bytes().filter(|byte| *byte != b' ') {
        let value = match letter.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        held = (held << 5 | u32::from(value)) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}
