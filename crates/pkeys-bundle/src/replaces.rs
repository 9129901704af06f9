//! Which bundle of the host a sender means to replace: the host refuses to replace any other.

use crate::base::{Error, Result};
use crate::sha256_hex;

/// The entry of a sent tar that says so.
pub const REPLACES: &str = "replaces";

/// Its text for a host without a bundle.
const NOTHING: &str = "none";

/// The best bundle that a sender saw on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// There was none.
    Nothing,
    /// The SHA-256 of its `manifest.json`, in lower-case hex.
    Manifest(String),
}

impl Replaces {
    pub(super) fn parse(text: &[u8]) -> Result<Self> {
        let hex = |text: &&str| text.len() == 64 && text.bytes().all(|b| b"0123456789abcdef".contains(&b));
        match std::str::from_utf8(text.trim_ascii_end()) {
            Ok(NOTHING) => Ok(Self::Nothing),
            Ok(text) if hex(&text) => Ok(Self::Manifest(text.into())),
            _ => Err(Error::new(format!(
                "the entry {REPLACES} is neither a SHA-256 in lower-case hex nor \"{NOTHING}\""
            ))),
        }
    }

    /// Whether the host's best bundle, given by the bytes of its manifest, is the one the sender saw.
    pub fn matches(&self, manifest: Option<&[u8]>) -> bool {
        match (self, manifest) {
            (Self::Nothing, None) => true,
            (Self::Manifest(digest), Some(manifest)) => *digest == sha256_hex(manifest),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_digest_and_none_are_read_and_only_the_same_manifest_matches() {
        let digest = sha256_hex(b"m");
        let parsed = Replaces::parse(format!("{digest}\n").as_bytes()).unwrap();
        assert_eq!(parsed, Replaces::Manifest(digest.clone()));
        assert!(parsed.matches(Some(b"m")) && !parsed.matches(Some(b"n")) && !parsed.matches(None));
        let nothing = Replaces::parse(b"none").unwrap();
        assert!(nothing.matches(None) && !nothing.matches(Some(b"m")));
        for bad in ["", "None", &digest[1..], &digest.to_uppercase(), &format!("{digest}0"), " none"] {
            assert!(Replaces::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
