//! `manifest.json`: the public half of a bundle.

use crate::base::{Error, HostName, Result, SecretName, UserName};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The format that this version writes and reads.
pub const FORMAT: &str = "pkeys-bundle/1";

/// The name of the secret that is a new SSH host key for the host, while that is being replaced.
pub const NEW_HOST_KEY: &str = "ssh-host-key";

/// What a bundle says in public. The order of the fields is the order in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always [`FORMAT`].
    pub format: String,
    /// The host that the bundle is for.
    pub host: HostName,
    /// One more with each new rendering.
    pub generation: u64,
    /// When it was rendered: RFC 3339, UTC.
    pub created: String,
    /// What `secrets.age` must be.
    pub payload: Payload,
    /// Who can decrypt: SSH fingerprints or age public keys.
    pub recipients: Vec<String>,
    /// The secrets inside, sorted by name.
    pub secrets: Vec<SecretEntry>,
    /// The public keys that each user may log in with on this host: lines as in `authorized_keys`.
    pub authorized_keys: BTreeMap<UserName, Vec<String>>,
    /// The fingerprint of all that went in.
    pub inputs: String,
}

/// The encrypted file's digest and size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// SHA-256 of `secrets.age`, in lower-case hex.
    pub sha256: String,
    /// Size of `secrets.age` in bytes.
    pub size: u64,
}

/// One secret of the bundle, in public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretEntry {
    /// Its name on the host.
    pub name: SecretName,
    /// Where its value came from.
    pub reference: String,
    /// The source's own version of the value; never derived from the plaintext.
    pub version: String,
}

impl Manifest {
    /// The bytes of the file: pretty JSON with a final newline, the same for the same content.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a manifest has only names and numbers");
        bytes.push(b'\n');
        bytes
    }

    /// Reads the file. Proves nothing about who wrote it.
    ///
    /// # Errors
    /// When it is not a manifest of this format, or names a secret twice.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Format {
            format: String,
        }
        let broken = |e: serde_json::Error| {
            Error::new(format!("manifest.json is not a bundle manifest (line {})", e.line()))
                .hint("render the bundle again: `pkeys render --force`")
        };
        let format: Format = serde_json::from_slice(bytes).map_err(broken)?;
        if format.format != FORMAT {
            return Err(Error::new(format!("manifest.json has a format that is not {FORMAT}"))
                .hint("this program is older or newer than the one that rendered the bundle: update it"));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(broken)?;
        let names: BTreeSet<_> = manifest.names().collect();
        if names.len() != manifest.secrets.len() {
            return Err(Error::new("manifest.json names a secret twice"));
        }
        if manifest.texts().any(|text| text.contains(char::is_control)) {
            return Err(Error::new("manifest.json has a text with a line break or another control character"));
        }
        Ok(manifest)
    }

    /// All that is free text: it reaches terminals, and files with one line for each key.
    fn texts(&self) -> impl Iterator<Item = &String> {
        let secrets = self.secrets.iter().flat_map(|secret| [&secret.reference, &secret.version]);
        let keys = self.authorized_keys.values().flatten();
        [&self.created, &self.inputs].into_iter().chain(&self.recipients).chain(secrets).chain(keys)
    }

    /// The names of the secrets, in the file's order.
    pub fn names(&self) -> impl Iterator<Item = &SecretName> {
        self.secrets.iter().map(|secret| &secret.name)
    }
}

impl Payload {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { sha256: sha256_hex(bytes), size: bytes.len() as u64 }
    }
}

/// SHA-256 in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::bundle) fn sample() -> Manifest {
        Manifest {
            format: FORMAT.into(),
            host: HostName::new("web").unwrap(),
            generation: 3,
            created: "2026-11-23T00:00:00Z".into(),
            payload: Payload::of(b"x"),
            recipients: vec!["age1x".into()],
            secrets: vec![SecretEntry {
                name: SecretName::new("a").unwrap(),
                reference: "age:a".into(),
                version: "sha256:0".into(),
            }],
            authorized_keys: BTreeMap::new(),
            inputs: "0".into(),
        }
    }

    #[test]
    fn the_bytes_are_stable_and_end_in_a_newline() {
        let bytes = sample().to_bytes();
        assert_eq!(bytes.last(), Some(&b'\n'));
        let read = Manifest::parse(&bytes).unwrap();
        assert_eq!(read, sample());
        assert_eq!(read.to_bytes(), bytes);
        let keys = ["format", "host", "generation", "created", "payload", "recipients", "secrets", "authorized_keys"];
        let text = String::from_utf8(bytes).unwrap();
        let places: Vec<_> = keys.iter().map(|key| text.find(&format!("\"{key}\"")).unwrap()).collect();
        assert!(places.is_sorted());
    }

    #[test]
    fn another_format_an_unknown_field_and_a_duplicate_are_refused() {
        let text = String::from_utf8(sample().to_bytes()).unwrap();
        let error = Manifest::parse(text.replace("bundle/1", "bundle/2").as_bytes()).unwrap_err();
        assert!(error.message().contains("pkeys-bundle/1"), "{error}");
        assert!(Manifest::parse(text.replace("\"inputs\"", "\"more\": 1, \"inputs\"").as_bytes()).is_err());
        let mut twice = sample();
        twice.secrets.push(twice.secrets[0].clone());
        assert!(Manifest::parse(&twice.to_bytes()).is_err());
        let mut lines = sample();
        lines.authorized_keys.insert(UserName::new("u").unwrap(), vec!["a\nb".into()]);
        assert!(Manifest::parse(&lines.to_bytes()).is_err());
        let mut escape = sample();
        escape.secrets[0].reference = "age:\u{1b}[2J".into();
        assert!(Manifest::parse(&escape.to_bytes()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_manifest_is_read_as_it_was_written(
            (host, generation, size) in ("[A-Za-z0-9][A-Za-z0-9._-]{0,20}", proptest::num::u64::ANY, proptest::num::u64::ANY),
            secrets in proptest::collection::btree_map("[A-Za-z0-9][A-Za-z0-9._-]{0,20}", ("\\PC{0,20}", "\\PC{0,20}"), 0..5),
            recipients in proptest::collection::vec("\\PC{0,20}", 0..3),
            keys in proptest::collection::btree_map("[a-z_][a-z0-9-]{1,9}", proptest::collection::vec("\\PC{0,30}", 0..3), 0..3),
        ) {
            let secret = |(name, (reference, version))| SecretEntry { name: SecretName::new(name).unwrap(), reference, version };
            let keys = keys.into_iter().filter_map(|(user, lines): (String, _)| Some((UserName::new(user).ok()?, lines)));
            let manifest = Manifest {
                host: HostName::new(host).unwrap(),
                generation,
                payload: Payload { size, ..Payload::of(b"x") },
                recipients,
                secrets: secrets.into_iter().map(secret).collect(),
                authorized_keys: keys.collect(),
                ..sample()
            };
            proptest::prop_assert_eq!(Manifest::parse(&manifest.to_bytes()).unwrap(), manifest);
        }
    }
}
