//! `manifest.json`: the public half of a bundle.

use crate::base::{Error, FleetId, HostName, Result, SecretName, UserName, unique};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The first format: bundles that name no fleet. Still read; written only in an emergency.
pub const FORMAT_1: &str = "pkeys-bundle/1";
/// The format that names the fleet.
pub const FORMAT_2: &str = "pkeys-bundle/2";

/// The highest generation: 2^53, the largest whole number that every JSON parser keeps exact.
pub const MAX_GENERATION: u64 = 1 << 53;

/// The name of the secret that is a new SSH host key for the host, while that is being replaced.
pub const NEW_HOST_KEY: &str = "ssh-host-key";

/// What a bundle says in public. The order of the fields is the order in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT_2`], or [`FORMAT_1`] where there is no fleet.
    pub format: String,
    /// The fleet that the bundle is for; `None` exactly in [`FORMAT_1`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetId>,
    /// The host that the bundle is for.
    pub host: HostName,
    /// Grows with each rendering: `max(seconds since 1970, highest known + 1)`, at most [`MAX_GENERATION`].
    pub generation: u64,
    /// When it was rendered: RFC 3339, UTC.
    pub created: String,
    /// What `secrets.age` must be.
    pub payload: Payload,
    /// Who can decrypt: SSH fingerprints or age public keys.
    pub recipients: Vec<String>,
    /// Those of them that are break-glass recipients, and not the host's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub break_glass: Vec<String>,
    /// The secrets inside, sorted by name.
    pub secrets: Vec<SecretEntry>,
    /// The public keys that each user may log in with on this host: lines as in `authorized_keys`.
    #[serde(deserialize_with = "unique::map")]
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
    /// The source that `pkeys.toml` names for it, where several could hold such a reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
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
    /// If it is not a manifest of a known format, its generation is too high, or it names a secret, a user or a field twice.
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
        if format.format != FORMAT_1 && format.format != FORMAT_2 {
            return Err(Error::new(format!("manifest.json has a format that is neither {FORMAT_1} nor {FORMAT_2}"))
                .hint("this program is older or newer than the one that rendered the bundle: update it"));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(broken)?;
        if manifest.fleet.is_some() != (manifest.format == FORMAT_2) {
            return Err(Error::new(format!("manifest.json: only {FORMAT_2} names a fleet, and it must")));
        }
        if manifest.generation > MAX_GENERATION {
            return Err(Error::new("manifest.json has a generation above 2^53"));
        }
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
        let sources = self.secrets.iter().filter_map(|secret| secret.source.as_ref());
        let recipients = self.recipients.iter().chain(&self.break_glass);
        let keys = self.authorized_keys.values().flatten();
        [&self.created, &self.inputs].into_iter().chain(recipients).chain(secrets).chain(sources).chain(keys)
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

    pub(crate) fn sample() -> Manifest {
        Manifest {
            format: FORMAT_2.into(),
            fleet: Some(FleetId::new("0".repeat(32)).unwrap()),
            host: HostName::new("web").unwrap(),
            generation: 3,
            created: "2026-11-23T00:00:00Z".into(),
            payload: Payload::of(b"x"),
            recipients: vec!["age1x".into()],
            break_glass: Vec::new(),
            secrets: vec![SecretEntry {
                name: SecretName::new("a").unwrap(),
                reference: "age:a".into(),
                source: None,
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
        let keys =
            ["format", "fleet", "host", "generation", "created", "payload", "recipients", "secrets", "authorized_keys"];
        let text = String::from_utf8(bytes).unwrap();
        let places: Vec<_> = keys.iter().map(|key| text.find(&format!("\"{key}\"")).unwrap()).collect();
        assert!(places.is_sorted());
    }

    #[test]
    fn another_format_an_unknown_field_and_a_duplicate_are_refused() {
        let text = String::from_utf8(sample().to_bytes()).unwrap();
        let error = Manifest::parse(text.replace("bundle/2", "bundle/3").as_bytes()).unwrap_err();
        assert!(error.message().contains("pkeys-bundle"), "{error}");
        assert!(Manifest::parse(text.replace("bundle/2", "bundle/1").as_bytes()).is_err(), "a fleet in format 1");
        let without = Manifest { fleet: None, ..sample() };
        assert!(Manifest::parse(&without.to_bytes()).is_err(), "no fleet in format 2");
        let old = Manifest { format: FORMAT_1.into(), ..without };
        assert_eq!(Manifest::parse(&old.to_bytes()).unwrap(), old);
        let high = Manifest { generation: MAX_GENERATION + 1, ..sample() };
        assert!(Manifest::parse(&high.to_bytes()).is_err());
        assert!(Manifest::parse(text.replace("\"inputs\"", "\"more\": 1, \"inputs\"").as_bytes()).is_err());
        let mut twice = sample();
        twice.secrets.push(twice.secrets[0].clone());
        assert!(Manifest::parse(&twice.to_bytes()).is_err());
        let user = "\"ann\": []";
        let users = text.replace("\"authorized_keys\": {}", &format!("\"authorized_keys\": {{{user}, {user}}}"));
        assert_ne!(users, text);
        assert!(Manifest::parse(users.as_bytes()).is_err(), "a user twice");
        assert!(Manifest::parse(users.replacen(&format!("{user}, "), "", 1).as_bytes()).is_ok());
        for field in ["format", "host", "generation", "sha256", "reference", "authorized_keys"] {
            let line = text.lines().find(|line| line.contains(&format!("\"{field}\":"))).unwrap();
            let line = line.trim_end_matches(',');
            let twice = text.replacen(line, &format!("{line},\n{line}"), 1);
            assert!(Manifest::parse(twice.as_bytes()).is_err(), "{field} twice");
        }
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
            (host, generation, size) in ("[A-Za-z0-9][A-Za-z0-9._-]{0,20}", 0..=MAX_GENERATION, proptest::num::u64::ANY),
            secrets in proptest::collection::btree_map("[A-Za-z0-9][A-Za-z0-9._-]{0,20}", ("\\PC{0,20}", "\\PC{0,20}"), 0..5),
            recipients in proptest::collection::vec("\\PC{0,20}", 0..3),
            keys in proptest::collection::btree_map("[a-z_][a-z0-9-]{1,9}", proptest::collection::vec("\\PC{0,30}", 0..3), 0..3),
        ) {
            let secret = |(name, (reference, version))| SecretEntry { name: SecretName::new(name).unwrap(), reference, source: None, version };
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
