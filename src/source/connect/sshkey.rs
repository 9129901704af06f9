//! A private key as 1Password holds it, turned into OpenSSH's own format.
//!
//! 1Password writes Ed25519 keys as PKCS#8 version 2 with an explicitly tagged public key, which strict parsers refuse
//! (RFC 5958 tags it implicitly). So only what is needed is read here, the seed, and the rest is left alone.

use crate::base::{Error, Result, SecretBytes, process::wiping};
use der::asn1::ObjectIdentifier;
use der::{Decode, Header, Reader, SliceReader, Tag};
use rsa::pkcs1::DecodeRsaPrivateKey;
use ssh_key::private::{Ed25519Keypair, KeypairData, RsaKeypair};
use ssh_key::{LineEnding, PrivateKey};
use zeroize::Zeroizing;

const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A private key's text as OpenSSH text. Text that is OpenSSH's already comes back unchanged.
pub(super) fn to_openssh(text: &[u8]) -> Result<SecretBytes> {
    wiping(|| convert(text))
}

fn convert(text: &[u8]) -> Result<SecretBytes> {
    let (label, body) = armor(text).ok_or_else(not_a_key)?;
    let key = match label {
        "OPENSSH PRIVATE KEY" => return Ok(SecretBytes::copy_of(text)),
        "PRIVATE KEY" => pkcs8(&decode(label, body)?)?,
        "RSA PRIVATE KEY" => rsa(&decode(label, body)?)?,
        "ENCRYPTED PRIVATE KEY" => {
            return Err(Error::new("the private key is locked with a passphrase")
                .hint("store it without one: 1Password and the bundle encrypt it"));
        }
        _ => return Err(unsupported()),
    };
    let key = PrivateKey::new(key, "").map_err(|_| not_a_key())?;
    let text = key.to_openssh(LineEnding::LF).map_err(|_| not_a_key())?;
    Ok(SecretBytes::copy_of(text.as_bytes()))
}

fn not_a_key() -> Error {
    Error::new("the field's value is not a private key that could be read")
        .hint("?ssh-format=openssh wants the private key of an SSH key item; leave it out for the value as it is")
}

fn unsupported() -> Error {
    Error::new("the private key is of a kind that cannot be converted")
        .hint("Ed25519 and RSA keys can; store another kind in OpenSSH's own format")
}

/// The label of the PEM text and what stands between its two lines.
fn armor(text: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(text).ok()?.trim().strip_prefix("-----BEGIN ")?;
    let (label, rest) = text.split_once("-----")?;
    let body = rest.strip_suffix("-----")?.strip_suffix(label)?.strip_suffix("-----END ")?;
    Some((label, body))
}

/// Decodes the body, however its lines are broken: values travel through forms that re-wrap them.
fn decode(label: &str, body: &str) -> Result<Zeroizing<Vec<u8>>> {
    const LINE: usize = 64;
    let mut even = Zeroizing::new(String::with_capacity(body.len() + body.len() / LINE + 2 * label.len() + 64));
    even.extend(["-----BEGIN ", label, "-----"]);
    for (at, c) in body.chars().filter(|c| !c.is_ascii_whitespace()).enumerate() {
        if at % LINE == 0 {
            even.push('\n');
        }
        even.push(c);
    }
    even.extend(["\n-----END ", label, "-----\n"]);
    der::pem::decode_vec(even.as_bytes()).map(|(_, bytes)| Zeroizing::new(bytes)).map_err(|_| not_a_key())
}

fn pkcs8(document: &[u8]) -> Result<KeypairData> {
    let (algorithm, key) = split(document).map_err(|_| not_a_key())?;
    if algorithm == RSA {
        return rsa(key);
    }
    if algorithm != ED25519 {
        return Err(unsupported());
    }
    let seed = SliceReader::new(key).and_then(|mut r| take(&mut r, Tag::OctetString)).map_err(|_| not_a_key())?;
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(seed.try_into().map_err(|_| not_a_key())?);
    Ok(Ed25519Keypair::from_seed(&seed).into())
}

fn rsa(document: &[u8]) -> Result<KeypairData> {
    let key = rsa::RsaPrivateKey::from_pkcs1_der(document).map_err(|_| not_a_key())?;
    RsaKeypair::try_from(key).map(KeypairData::from).map_err(|_| not_a_key())
}

/// The algorithm and the private key of `OneAsymmetricKey` (RFC 5958); attributes and public key are not looked at.
fn split(document: &[u8]) -> der::Result<(ObjectIdentifier, &[u8])> {
    let whole = take(&mut SliceReader::new(document)?, Tag::Sequence)?;
    let mut parts = SliceReader::new(whole)?;
    take(&mut parts, Tag::Integer)?;
    let algorithm = take(&mut parts, Tag::Sequence)?;
    let algorithm = ObjectIdentifier::decode(&mut SliceReader::new(algorithm)?)?;
    Ok((algorithm, take(&mut parts, Tag::OctetString)?))
}

/// The content of the next element, which must have the tag.
fn take<'a>(reader: &mut SliceReader<'a>, tag: Tag) -> der::Result<&'a [u8]> {
    let header = Header::decode(reader)?;
    header.tag.assert_eq(tag)?;
    reader.read_slice(header.length)
}

#[cfg(test)]
#[path = "sshkey_tests.rs"]
mod tests;
