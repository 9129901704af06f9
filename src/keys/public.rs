//! The public half of a user key.

use crate::base::{Error, Result};
use serde::Deserialize;
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, EcdsaCurve, HashAlg, PublicKey};
use std::fmt;

/// The shortest RSA key that is taken, in bits.
const MIN_RSA: usize = 3072;

/// A public key of a kind that may log in, and its comment: one line without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PublicHalf {
    key: PublicKey,
    comment: String,
}

impl PublicHalf {
    /// Parses `ssh-ed25519 AAAA… comment`.
    ///
    /// # Errors
    /// When it is no public key, or of a kind that must not log in. The message repeats nothing of it: a private key
    /// may stand there.
    pub fn parse(text: &str) -> Result<Self> {
        let text = one_line(text)?;
        let mut words = text.split([' ', '\t']).filter(|word| !word.is_empty());
        let (Some(kind), Some(encoded)) = (words.next(), words.next()) else { return Err(not_a_key()) };
        if kind == "ssh-dss" {
            return Err(Error::new("that is a DSA key, which no sshd accepts any more").hint(MAKE_ONE));
        }
        let parsed = PublicKey::from_openssh(&format!("{kind} {encoded}")).map_err(|_| not_a_key())?;
        let comment: Vec<_> = words.collect();
        let half = Self { key: PublicKey::from(parsed.key_data().clone()), comment: comment.join(" ") };
        half.usable().map(|()| half)
    }

    /// The public half of a private key, with another comment.
    ///
    /// # Errors
    /// When it is of a kind that must not log in.
    pub fn of(private: &ssh_key::PrivateKey, comment: &str) -> Result<Self> {
        let line = private.public_key().to_openssh().map_err(|_| not_a_key())?;
        Ok(Self::parse(&line)?.with_comment(comment))
    }

    /// A key that may be of a kind which must not log in, such as a signing key: to look at, and not to authorize.
    pub(crate) fn unchecked(key: PublicKey) -> Self {
        Self { key: PublicKey::from(key.key_data().clone()), comment: String::new() }
    }

    /// The same key with another comment; what a comment cannot hold becomes a space.
    #[must_use]
    pub fn with_comment(self, comment: &str) -> Self {
        let words: Vec<_> = comment.split(|c: char| c.is_whitespace() || c.is_control()).collect();
        let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
        Self { comment: words.join(" "), ..self }
    }

    fn usable(&self) -> Result<()> {
        match self.key.key_data() {
            KeyData::Ed25519(_) | KeyData::Ecdsa(_) | KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_) => Ok(()),
            KeyData::Rsa(_) if self.bits() >= MIN_RSA => Ok(()),
            KeyData::Rsa(_) => {
                Err(Error::new(format!("that RSA key has {} bits: {MIN_RSA} are needed", self.bits())).hint(MAKE_ONE))
            }
            KeyData::Dsa(_) => Err(Error::new("that is a DSA key, which no sshd accepts any more").hint(MAKE_ONE)),
            _ => Err(Error::new("that is a public key of a kind that pkeys does not know").hint(KINDS)),
        }
    }

    /// The kind, as `ssh-keygen -l` calls it: `ED25519`, `ECDSA`, `RSA`, `ED25519-SK`, `ECDSA-SK`.
    pub fn algorithm(&self) -> &'static str {
        match self.key.algorithm() {
            Algorithm::Ed25519 => "ED25519",
            Algorithm::Ecdsa { .. } => "ECDSA",
            Algorithm::SkEd25519 => "ED25519-SK",
            Algorithm::SkEcdsaSha2NistP256 => "ECDSA-SK",
            Algorithm::Dsa => "DSA",
            _ => "RSA",
        }
    }

    /// The size, in bits, as `ssh-keygen -l` says it.
    pub fn bits(&self) -> usize {
        match (self.key.algorithm(), self.key.key_data()) {
            (_, KeyData::Rsa(rsa)) => rsa.n.as_positive_bytes().map_or(0, |n| {
                let unused = n.first().map_or(0, |byte| byte.leading_zeros() as usize);
                (n.len() * 8).saturating_sub(unused)
            }),
            (Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 }, _) => 384,
            (Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 }, _) => 521,
            _ => 256,
        }
    }

    /// `SHA256:…`
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Whether the private half is in a hardware token, and cannot be anywhere else.
    pub fn is_hardware(&self) -> bool {
        matches!(self.key.algorithm(), Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256)
    }

    /// Whether it is the same key, whatever the comments say.
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.key.key_data() == other.key.key_data()
    }

    /// What stands behind the key; may be empty.
    pub fn comment(&self) -> &str {
        &self.comment
    }
}

const MAKE_ONE: &str = "make a new one: `ssh-keygen -t ed25519`";
const KINDS: &str = "Ed25519, ECDSA, RSA of at least 3072 bits, and sk- keys can be used, in OpenSSH's format";

fn not_a_key() -> Error {
    Error::new("that is not an SSH public key").hint("a public key is one line: ssh-ed25519 AAAA… comment")
}

/// The only line of a text, without spaces around it.
pub(super) fn one_line(text: &str) -> Result<&str> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let private = ["-----BEGIN", "AGE-SECRET-KEY-", "PuTTY-User-Key-File", "PRIVATE KEY"];
    if private.iter().any(|mark| text.contains(mark)) {
        return Err(Error::new("that is a private key, not a public one")
            .hint("give the .pub file beside it; if others could see the private key, make a new one"));
    }
    if text.starts_with("---- BEGIN") {
        return Err(Error::new("that is a public key in another format than OpenSSH's")
            .hint("convert it: `ssh-keygen -i -f FILE`"));
    }
    if text.contains(['\n', '\r']) {
        return Err(Error::new("that is more than one line")
            .hint("one public key for each label: `pkeys key add USER LABEL --public KEY`"));
    }
    if text.contains(|c: char| c.is_control() && c != '\t') {
        return Err(Error::new("that line has a control character").hint("copy the .pub file as it is"));
    }
    Ok(text)
}

impl fmt::Display for PublicHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key.to_openssh().map_err(|_| fmt::Error)?)?;
        if self.comment.is_empty() { Ok(()) } else { write!(f, " {}", self.comment) }
    }
}

impl TryFrom<String> for PublicHalf {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(in crate::keys) const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJSRNUWgI+OIjzO1q+FZ0NQ8rPF620EHEERr2g+Ejcw";

    #[test]
    fn a_comment_may_be_anything_on_one_line() {
        for comment in ["", " ann@home", " #1, \"two\" ä", " a b"] {
            let line = format!("{KEY}{comment}");
            assert_eq!(PublicHalf::parse(&format!(" {line}\r\n")).unwrap().to_string(), line);
        }
        let tabs = PublicHalf::parse(&format!("{}\ta\tb", KEY.replace(' ', "\t"))).unwrap();
        assert_eq!(tabs.to_string(), format!("{KEY} a b"));
        assert_eq!(tabs.clone().with_comment(" x\ny\u{1b} ").to_string(), format!("{KEY} x y"));
        assert!(tabs.is_same_key(&PublicHalf::parse(KEY).unwrap()));
    }

    #[test]
    fn what_is_no_usable_public_key_is_refused_and_not_repeated() {
        for (bad, message) in [
            ("", "that is not an SSH public key"),
            ("hunter2", "that is not an SSH public key"),
            ("hunter2 hunter2", "that is not an SSH public key"),
            ("ssh-ed25519 hunter2", "that is not an SSH public key"),
            ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJSRNUWgI+OIjzO1q", "that is not an SSH public key"),
            ("ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAJSRNUWgI+OIjzO1q+FZ0NQ8rPF620EHEERr2g+Ejcw", "that is not an SSH"),
            ("ssh-dss AAAA", "that is a DSA key"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2", "that is a private key"),
            ("AGE-SECRET-KEY-1HUNTER2", "that is a private key"),
            ("---- BEGIN SSH2 PUBLIC KEY ----\nhunter2", "that is a public key in another format"),
            (&format!("{KEY}\n{KEY}"), "that is more than one line"),
            (&format!("{KEY} \u{1b}[2J"), "that line has a control character"),
        ] {
            let error = PublicHalf::parse(bad).unwrap_err();
            assert!(error.message().starts_with(message), "{bad:?}: {error}");
            assert!(!format!("{error:?}").contains("hunter2") && error.next_step().is_some(), "{error:?}");
        }
    }
}
