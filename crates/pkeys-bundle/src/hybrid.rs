//! age's native post-quantum recipients, `age1pq1…`: ML-KEM-768 and X25519 together (X-Wing).
//!
//! The format is that of <https://c2sp.org/age>, "The MLKEM768-X25519 hybrid post-quantum recipient type". The
//! cryptography is HPKE's base mode by the crate `hpke`, over `x-wing`; here is nothing but the stanza around it.

use crate::base::{Error, Result, SecretBytes};
use crate::{bech32, identity};
use age::{DecryptError, EncryptError};
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::secrecy::ExposeSecret;
use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use std::collections::HashSet;
use x_wing::{DecapsulationKeyRejectNonContrib, TryDecapsulate};
use zeroize::{Zeroize, Zeroizing};

/// What stands before the `1` of a recipient, and of an identity in small letters.
pub(super) const RECIPIENT: &str = "age1pq";
/// What the text of an identity starts with, before the `1`.
pub const IDENTITY: &str = "age-secret-key-pq-";

/// The first argument of the stanza.
const TAG: &str = "mlkem768x25519";
/// HPKE's `info`.
const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";
/// What age's implementations say of recipients that may only stand beside others that say it too.
const LABEL: &str = "postquantum";
/// The bytes of an encapsulated key: ML-KEM-768's 1088, and X25519's 32.
const ENCAPSULATED: usize = x_wing::CIPHERTEXT_SIZE;
/// The bytes of a wrapped file key: the key, and Poly1305's tag.
const BODY: usize = FILE_KEY_BYTES + 16;
/// The characters of a recipient: its prefix, `1`, five bits of 1216 bytes each, and the checksum.
const CHARACTERS: usize = RECIPIENT.len() + 1 + (x_wing::ENCAPSULATION_KEY_SIZE * 8).div_ceil(5) + 6;

type PublicKey = <XWing as Kem>::PublicKey;
type PrivateKey = <XWing as Kem>::PrivateKey;
type Encapsulated = <XWing as Kem>::EncappedKey;

/// A public key that is encrypted to: `age1pq1…`.
pub(super) struct Recipient(PublicKey);

impl Recipient {
    /// Reads `age1pq1…`.
    ///
    /// # Errors
    /// When it is cut off or was changed, or is no key of ML-KEM.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let broken = |what| {
            Error::new(format!("that post-quantum recipient (age1pq1…) {what}"))
                .hint(format!("copy it again, all of its {CHARACTERS} characters on one line"))
        };
        let bytes = bech32::decode(RECIPIENT, text).ok_or_else(|| match text.len() {
            CHARACTERS => broken("has a wrong character: its checksum does not hold".into()),
            other => broken(format!("has {other} characters, and not {CHARACTERS}")),
        })?;
        PublicKey::from_bytes(bytes.expose()).map(Self).map_err(|_| broken("is no key of ML-KEM-768 and X25519".into()))
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = bech32::encode(RECIPIENT, &self.0.to_bytes());
        f.write_str(&text.expose_str().unwrap_or_default().to_ascii_lowercase())
    }
}

impl age::Recipient for Recipient {
    fn wrap_file_key(&self, key: &FileKey) -> std::result::Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let sealed = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeS::Base,
            &self.0,
            INFO,
            key.expose_secret(),
            b"",
        );
        let (encapsulated, body) = sealed.map_err(|_| std::io::Error::other("HPKE failed"))?;
        let args = vec![BASE64_STANDARD_NO_PAD.encode(encapsulated.to_bytes())];
        Ok((vec![Stanza { tag: TAG.into(), args, body }], HashSet::from([LABEL.to_owned()])))
    }
}

/// A private key that decrypts: `AGE-SECRET-KEY-PQ-1…`. Wiped when dropped.
pub(super) struct Identity {
    key: PrivateKey,
    /// The same key, for the one check that HPKE does not make.
    strict: DecapsulationKeyRejectNonContrib,
}

impl Identity {
    /// Reads `AGE-SECRET-KEY-PQ-1…`, in capitals or not; `None` when it is none. The text is not repeated.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let seed = bech32::decode(IDENTITY, text)?;
        let seed: Zeroizing<[u8; x_wing::DECAPSULATION_KEY_SIZE]> = Zeroizing::new(seed.expose().try_into().ok()?);
        Some(Self { key: PrivateKey::from_bytes(&*seed).ok()?, strict: (*seed).into() })
    }

    /// The public side.
    pub(super) fn to_public(&self) -> Recipient {
        Recipient(XWing::sk_to_pk(&self.key))
    }
}

/// Makes a new identity: its text, `AGE-SECRET-KEY-PQ-1…` without a newline.
pub fn generate() -> SecretBytes {
    let (key, _) = XWing::gen_keypair();
    let mut seed = key.to_bytes();
    let text = bech32::encode(IDENTITY, &seed);
    seed.as_mut_slice().zeroize();
    text
}

/// Makes a new identity: the text of its file, and its recipient. `what` says in the file what it is.
///
/// # Errors
/// Never, unless a key is made that cannot be read.
pub fn new_file(what: &str) -> Result<(SecretBytes, String)> {
    let text = generate();
    let key = Identity::parse(text.expose_str().unwrap_or_default());
    let public = key.ok_or_else(|| Error::new("the new key cannot be read"))?.to_public().to_string();
    Ok((identity::file(what, &public, text.expose()), public))
}

impl age::Identity for Identity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<std::result::Result<FileKey, DecryptError>> {
        if stanza.tag != TAG {
            return None;
        }
        let invalid = || Some(Err(DecryptError::InvalidHeader));
        let [argument] = &stanza.args[..] else { return invalid() };
        // Padding and bits that are left over are refused.
        let Ok(bytes) = BASE64_STANDARD_NO_PAD.decode(argument) else { return invalid() };
        if bytes.len() != ENCAPSULATED || stanza.body.len() != BODY {
            return invalid();
        }
        let (Ok(encapsulated), Ok(strict)) = (Encapsulated::from_bytes(&bytes), bytes.as_slice().try_into()) else {
            return invalid();
        };
        // X25519 with a point of low order gives zeros, whoever's key it is. `x-wing` refuses that where it is asked to,
        // as age's specification and Go's `hpke` do; the crate `hpke` takes it.
        match self.strict.try_decapsulate(strict) {
            Ok(mut shared) => shared.as_mut_slice().zeroize(),
            Err(_) => return invalid(),
        }
        let opened = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.key,
            &encapsulated,
            INFO,
            &stanza.body,
            b"",
        );
        // Another's stanza is known by nothing but this.
        let opened = Zeroizing::new(opened.ok()?);
        Some(FileKey::try_init_with_mut(|key| {
            let bytes = opened.as_slice().try_into().map_err(|_| DecryptError::InvalidHeader)?;
            *key = bytes;
            Ok(())
        }))
    }
}

#[cfg(test)]
#[path = "hybrid_tests.rs"]
mod tests;
