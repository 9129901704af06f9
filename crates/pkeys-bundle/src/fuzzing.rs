//! Fuzzing of what a host is given: none of it is trusted before it is verified.

pub mod needle;

use super::header::stanzas_end;
use super::transport::{receive, send};
use super::{Identity, MAX_PAYLOAD, Manifest, Replaces, Signers, decrypt, identity, pack, public_key, sign, unpack};
use crate::base::{SecretBytes, SecretName};
use needle::{discreet, each, each_text};
use ssh_key::PrivateKey;
use ssh_key::private::Ed25519Keypair;
use std::sync::LazyLock;

/// `manifest.json`: what is read is written so that the same is read again, and byte for byte the same is written.
pub fn bundle_manifest(bytes: &[u8]) {
    each(bytes, |bytes| match Manifest::parse(bytes) {
        Err(error) => discreet(&error),
        Ok(manifest) => {
            let written = manifest.to_bytes();
            let again = Manifest::parse(&written).expect("what was written is read");
            assert_eq!(again, manifest);
            assert_eq!(again.to_bytes(), written);
            let lines = || manifest.authorized_keys.values().flatten();
            assert!(lines().all(|line| !line.contains(char::is_control)), "one line for each key");
        }
    });
}

const SIGNED: &[u8] = b"{\"format\": \"what was signed\"}\n";

struct Trusted {
    signers: Signers,
    signature: String,
}

/// A key that is always the same, trusted, with its one signature: Ed25519 makes the same each time.
static TRUSTED: LazyLock<Trusted> = LazyLock::new(|| {
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
    let line = key.public_key().to_openssh().expect("a key");
    let signature = sign(SIGNED, &key).expect("a signature");
    Trusted { signers: Signers::parse(&[line]).expect("a signer"), signature }
});

/// `manifest.json.sig`, and keys of signers: no bytes but the signer's own signature count.
pub fn signature(bytes: &[u8]) {
    each(bytes, |bytes| match TRUSTED.signers.verify(SIGNED, bytes) {
        Err(error) => discreet(&error),
        Ok(_) => {
            let only = TRUSTED.signature.trim_end().as_bytes();
            assert_eq!(bytes.strip_suffix(b"\n").unwrap_or(bytes), only, "a second signature counts");
        }
    });
    each_text(bytes, |text| match public_key(text) {
        Err(error) => discreet(&error),
        Ok(key) => {
            let line = key.to_openssh().expect("what was read can be written");
            assert_eq!(public_key(&line).expect("what was written is read").key_data(), key.key_data());
        }
    });
}

/// The tar inside of `secrets.age`: plain names alone, each once, and packing them again gives the same secrets.
pub fn archive(bytes: &[u8]) {
    each(bytes, |bytes| match unpack(SecretBytes::copy_of(bytes)) {
        Err(error) => discreet(&error),
        Ok(opened) => {
            let all: Vec<_> = opened.names().map(|name| (name, opened.get(name).expect("it is named"))).collect();
            assert!(all.iter().all(|(name, _)| SecretName::new(name.as_str()).is_ok()));
            assert!(all.iter().map(|(_, secret)| secret.len()).sum::<usize>() <= bytes.len(), "secrets overlap");
            let again = unpack(pack(all.iter().copied()).expect("it fits")).expect("what was packed is unpacked");
            assert!(all.iter().all(|(name, secret)| again.get(name) == Some(*secret)) && again.len() == all.len());
        }
    });
}

/// What a push brings: three files, and sending them again brings the same.
pub fn transport(bytes: &[u8]) {
    each(bytes, |bytes| match receive(bytes) {
        Err(error) => discreet(&error),
        Ok(got) => {
            let replaces = got.replaces.as_ref().map(|replaces| match replaces {
                Replaces::Nothing => "none",
                Replaces::Manifest(digest) => digest,
            });
            let mut sent = Vec::new();
            send(&mut sent, &got.signed, &got.payload, replaces).expect("memory takes all");
            let again = receive(&sent[..]).expect("what was sent is received");
            let (one, two) = (&got.signed, &again.signed);
            assert!((&one.manifest, &one.signature, &got.payload) == (&two.manifest, &two.signature, &again.payload));
            assert_eq!(got.replaces, again.replaces);
        }
    });
}

/// The private half of the recipient to which `fuzz/seeds/age_file` is encrypted. It opens nothing else.
const IDENTITY: &str = "AGE-SECRET-KEY-14G8DCEFQH5QESE9JFZHVSASHP5273P6VDC7T2DTMXRASR2GWYKCSMJN8S3";
/// What all of these hold.
const PLAIN: &[u8] = b"a secret of the fuzz seeds";

static IDENTITIES: LazyLock<Vec<Identity>> = LazyLock::new(|| {
    identity::parse(&SecretBytes::copy_of(IDENTITY.as_bytes()), "fuzz", age::NoCallbacks).expect("an identity")
});

/// An age file: nothing is released but what was sealed, and what is behind the header does not change its judgement.
pub fn age_file(bytes: &[u8]) {
    each(bytes, |bytes| {
        match decrypt(bytes, &IDENTITIES, MAX_PAYLOAD) {
            Err(error) => discreet(&error),
            Ok(plain) => assert_eq!(plain.expose(), PLAIN, "something else was released"),
        }
        if let Some(end) = bytes.windows(4).position(|window| window == b"\n---") {
            let other = [&bytes[..end + 4], b" mac\n-> x\npayload"].concat();
            assert_eq!(stanzas_end(bytes), stanzas_end(&other), "the payload counts");
        }
    });
}
