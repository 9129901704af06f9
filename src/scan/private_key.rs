//! Private keys: OpenSSH's format, PEM, PKCS#8, OpenPGP. A marker alone is none: what follows must be a key.

use crate::base::SecretBytes;
use crate::scan::found::{Found, digest};
use crate::scan::kind::{Kind, PEM_KEY, PGP_KEY, SSH_KEY};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use regex::bytes::Regex;
use rsa::{pkcs1::DecodeRsaPrivateKey, pkcs8::DecodePrivateKey};
use ssh_key::private::Ed25519Keypair;
use ssh_key::public::{KeyData, RsaPublicKey};
use ssh_key::{HashAlg, PrivateKey};
use std::sync::LazyLock;

static BEGIN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"-----BEGIN ((?:OPENSSH|RSA|DSA|EC|ENCRYPTED|PGP|ANY|ED25519) )?PRIVATE KEY(?: BLOCK)?-----")
        .expect("right")
});
/// RFC 1421: what a PEM key with a passphrase starts with.
static LOCKED_HEADER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[\s\\nr]{1,40}Proc-Type: 4,ENCRYPTED[\s\\nr]{1,40}DEK-Info: [A-Z0-9-]+,[0-9A-Fa-f]+").expect("right")
});

/// PKCS#8 of an Ed25519 seed without its last 32 bytes (RFC 8410, section 7).
const ED25519: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
const MAGIC: &[u8] = b"openssh-key-v1\0";
/// An RSA key of 16384 bits has 12 KiB in PEM.
const MAX_BODY: usize = 64 * 1024;
/// The smallest key, Ed25519 in PKCS#8, has 48 bytes.
const MIN_KEY: usize = 40;

/// The private keys in a text or in other bytes.
pub(super) fn find(bytes: &[u8]) -> Vec<Found> {
    BEGIN
        .captures_iter(bytes)
        .filter_map(|captures| {
            let (marker, label) = (captures.get(0)?, captures.get(1).map_or(&b""[..], |label| label.as_bytes()));
            let rest = &bytes[marker.end()..bytes.len().min(marker.end() + MAX_BODY)];
            let (kind, body, locked_header) = match label {
                b"PGP " => return pgp(bytes, marker.range(), rest),
                b"OPENSSH " => (&SSH_KEY, 0, false),
                _ => {
                    let header = LOCKED_HEADER.find(rest);
                    (&PEM_KEY, header.map_or(0, |header| header.end()), header.is_some())
                }
            };
            let (key, length) = decode(&rest[body..])?;
            let locked = locked_header || label == b"ENCRYPTED ";
            let span = marker.start()..marker.end() + body + length;
            let (fingerprint, locked) =
                if kind == &SSH_KEY { openssh(key.expose())? } else { pem(key.expose(), locked)? };
            let mut found = Found::prefixed(kind, span, key.expose(), &String::from_utf8_lossy(marker.as_bytes()));
            if locked {
                found.masked += ", locked by a passphrase";
            }
            if fingerprint.is_none() { Some(found.with_digest()) } else { Some(Found { fingerprint, ..found }) }
        })
        .collect()
}

fn pgp(bytes: &[u8], marker: std::ops::Range<usize>, rest: &[u8]) -> Option<Found> {
    let kind: &'static Kind = &PGP_KEY;
    let end = rest.windows(9).position(|window| window == b"-----END ")?;
    let body = &rest[..end];
    let is_key = body.iter().filter(|byte| byte.is_ascii_alphanumeric()).count() > 100;
    let prefix = String::from_utf8_lossy(&bytes[marker.clone()]).into_owned();
    is_key.then(|| Found::prefixed(kind, marker.start..marker.end + end, body, &prefix).with_digest())
}

/// The Base64 that follows a marker, and how far it goes. Lines may be indented, quoted, or joined by a written `\n`.
fn decode(text: &[u8]) -> Option<(SecretBytes, usize)> {
    let mut base64 = SecretBytes::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => base64.extend(&[*byte]),
            b'\\' => at += 1,
            b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b',' | b'#' | b'|' | b'>' | b'=' => {}
            _ => break,
        }
        at += 1;
    }
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    // One letter too many, as of a key that was cut off, carries no byte.
    let whole = base64.len() - usize::from(base64.len() % 4 == 1);
    let key = GeneralPurpose::new(&STANDARD, lenient).decode(&base64.expose()[..whole]).ok()?;
    Some((SecretBytes::new(key), at.min(text.len()))).filter(|(key, _)| key.len() >= MIN_KEY)
}

/// The fingerprint of the public half, and whether a passphrase locks it. `None` when it is no key.
fn openssh(key: &[u8]) -> Option<(Option<String>, bool)> {
    let rest = key.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_first_chunk()?;
    let cipher = rest.get(..u32::from_be_bytes(*length) as usize)?;
    let fingerprint = PrivateKey::from_bytes(key).ok().map(|key| key.fingerprint(HashAlg::Sha256).to_string());
    Some((fingerprint, cipher != b"none"))
}

fn pem(key: &[u8], locked: bool) -> Option<(Option<String>, bool)> {
    // DER's SEQUENCE; what a passphrase of the old kind locks looks like nothing.
    let plausible = locked || key.starts_with(&[0x30]);
    plausible.then(|| (if locked { None } else { public_half(key) }, locked))
}

/// The SSH fingerprint of the public half of an RSA or Ed25519 key.
fn public_half(der: &[u8]) -> Option<String> {
    let data = match der.strip_prefix(&ED25519[..]) {
        Some(seed) => KeyData::Ed25519(Ed25519Keypair::from_seed(seed.try_into().ok()?).public),
        None => {
            let parsed = rsa::RsaPrivateKey::from_pkcs1_der(der).ok();
            let key = parsed.or_else(|| rsa::RsaPrivateKey::from_pkcs8_der(der).ok())?;
            KeyData::Rsa(RsaPublicKey::try_from(key.to_public_key()).ok()?)
        }
    };
    Some(data.fingerprint(HashAlg::Sha256).to_string())
}

/// Whether these 64 bytes are an Ed25519 seed followed by its public half.
pub(super) fn is_ed25519_pair(bytes: &[u8]) -> bool {
    bytes.try_into().is_ok_and(|pair: &[u8; 64]| {
        let (seed, public) = pair.split_at(32);
        let seed: &[u8; 32] = seed.try_into().expect("half of 64");
        Ed25519Keypair::from_seed(seed).public.0 == public && digest(seed) != digest(public)
    })
}
