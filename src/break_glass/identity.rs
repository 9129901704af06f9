//! A break-glass identity: an age key, X25519 or post-quantum, that exists in memory only.

use super::lines::{KEY, KEY_PQ, Kind};
use crate::base::{Error, Result, SecretBytes};
use crate::bundle::{Identity, Recipient, bech32, hybrid, identity, lock, sha256_hex};
use age::secrecy::ExposeSecret;

/// What stands before the `1` of an age X25519 identity.
const PREFIX: &str = "age-secret-key-";

/// The private key that opens everything. It prints nothing and is wiped when dropped.
pub struct BreakGlassIdentity {
    /// `AGE-SECRET-KEY-1…` or `AGE-SECRET-KEY-PQ-1…`, in capitals.
    text: SecretBytes,
    recipient: Recipient,
}

impl BreakGlassIdentity {
    /// Makes a new one, X25519.
    ///
    /// # Errors
    /// Never, unless the age crate makes a key that it cannot read.
    pub fn generate() -> Result<Self> {
        let key = age::x25519::Identity::generate();
        Self::parse(key.to_string().expose_secret())
    }

    /// Makes a new one, ML-KEM-768 with X25519.
    ///
    /// # Errors
    /// Never, unless a key is made that cannot be read.
    pub fn generate_post_quantum() -> Result<Self> {
        Self::parse(hybrid::generate().expose_str().unwrap_or_default())
    }

    /// Reads `AGE-SECRET-KEY-1…` or `AGE-SECRET-KEY-PQ-1…`, in capitals or not.
    ///
    /// # Errors
    /// When it is no such identity. The text is not repeated.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new("the key does not fit its own checksum")
                .hint("compare it with the sheet, character by character; B, I, O and 1 never stand behind the first 1")
        };
        let read = |prefix| Some(bech32::encode(prefix, bech32::decode(prefix, text.trim())?.expose()));
        let text = read(PREFIX).or_else(|| read(hybrid::IDENTITY)).ok_or_else(wrong)?;
        let found = identity::parse(&text, "the break-glass key", age::NoCallbacks).map_err(|_| wrong())?;
        let recipient = found.first().and_then(Identity::recipient).cloned().ok_or_else(wrong)?;
        Ok(Self { text, recipient })
    }

    /// Whether it is ML-KEM-768 with X25519.
    pub fn is_post_quantum(&self) -> bool {
        self.recipient.is_post_quantum() == Some(true)
    }

    /// How it stands on paper.
    pub(super) fn kind(&self) -> &'static Kind {
        if self.is_post_quantum() { &KEY_PQ } else { &KEY }
    }

    /// The text of an age identity: `AGE-SECRET-KEY-1…` or `AGE-SECRET-KEY-PQ-1…`, without a newline.
    pub fn text(&self) -> &SecretBytes {
        &self.text
    }

    /// The public side: everything is encrypted to it.
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// The name that a person can compare: see [`fingerprint`].
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.recipient)
    }

    /// As what `bundle` decrypts with.
    ///
    /// # Errors
    /// Never for an identity that was made or parsed here.
    pub fn to_identity(&self) -> Result<Identity> {
        let mut found = identity::parse(&self.text, "the break-glass key", age::NoCallbacks)?;
        found.pop().ok_or_else(|| Error::new("the break-glass key holds no identity"))
    }

    /// An age identity file behind a passphrase, armored: `age -d -i FILE …` asks for the passphrase and uses it.
    ///
    /// # Errors
    /// When the passphrase is empty or no text.
    pub fn locked_file(&self, passphrase: &SecretBytes) -> Result<Vec<u8>> {
        let what = format!("pkeys break-glass identity {}", self.fingerprint());
        lock(&identity::file(&what, &self.recipient.to_string(), self.text.expose()), passphrase)
    }

    /// The key's 32 bytes, for sharing.
    pub(super) fn scalar(&self) -> Result<SecretBytes> {
        let text = self.text.expose_str().unwrap_or_default();
        bech32::decode(prefix(self.is_post_quantum()), text)
            .ok_or_else(|| Error::new("the break-glass key cannot be read"))
    }

    /// The identity of 32 bytes: X25519's scalar, or the seed of a post-quantum key.
    pub(super) fn from_scalar(scalar: &[u8], post_quantum: bool) -> Result<Self> {
        Self::parse(bech32::encode(prefix(post_quantum), scalar).expose_str().unwrap_or_default())
    }
}

impl std::fmt::Debug for BreakGlassIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[break-glass identity {}]", self.fingerprint())
    }
}

fn prefix(post_quantum: bool) -> &'static str {
    if post_quantum { hybrid::IDENTITY } else { PREFIX }
}

/// Names a break-glass identity for comparison by eye: the first 128 bits of the SHA-256 of its recipient, in groups of four
/// hexadecimal digits. Public: it says nothing of the key.
pub fn fingerprint(recipient: &Recipient) -> String {
    let digits = sha256_hex(recipient.to_string().as_bytes());
    let groups: Vec<_> = digits.as_bytes()[..32].chunks(4).map(String::from_utf8_lossy).collect();
    groups.join(" ")
}

/// The first four bytes of [`fingerprint`], which each share has: they tell slips apart, not forgeries.
pub(super) fn tag(recipient: &Recipient) -> [u8; 4] {
    let digits = sha256_hex(recipient.to_string().as_bytes());
    u32::from_str_radix(&digits[..8], 16).unwrap_or_default().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{decrypt, encrypt};
    use age::secrecy::SecretString;

    #[derive(Clone)]
    struct Knows(&'static str);
    impl crate::bundle::Callbacks for Knows {
        fn may_run(&self, _: &str) -> crate::base::Result<()> {
            Ok(())
        }
    }

    impl age::Callbacks for Knows {
        fn display_message(&self, _: &str) {}
        fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
            None
        }
        fn request_public_string(&self, _: &str) -> Option<String> {
            None
        }
        fn request_passphrase(&self, _: &str) -> Option<SecretString> {
            Some(SecretString::from(self.0))
        }
    }

    fn both() -> [BreakGlassIdentity; 2] {
        [BreakGlassIdentity::generate().unwrap(), BreakGlassIdentity::generate_post_quantum().unwrap()]
    }

    #[test]
    fn what_is_encrypted_to_its_recipient_it_opens() {
        for key in both() {
            let plain = SecretBytes::copy_of(b"hunter2");
            let file = encrypt(&plain, std::slice::from_ref(key.recipient()), age::NoCallbacks).unwrap();
            assert_eq!(decrypt(&file, &[key.to_identity().unwrap()], 100).unwrap(), plain);
        }
    }

    #[test]
    fn its_32_bytes_give_the_same_text_again_and_debug_says_the_fingerprint_only() {
        for key in both() {
            let scalar = key.scalar().unwrap();
            let again = BreakGlassIdentity::from_scalar(scalar.expose(), key.is_post_quantum()).unwrap();
            assert_eq!(key.text(), again.text());
            assert_eq!(scalar.len(), 32);
            assert!(key.text().expose_str().unwrap().starts_with(key.kind().prefix));
            assert_eq!(format!("{key:?}"), format!("[break-glass identity {}]", key.fingerprint()));
        }
    }

    #[test]
    fn the_fingerprint_is_the_first_half_of_the_recipients_sha256() {
        // printf %s age1… | sha256sum | cut -c1-32 | fold -w4 | xargs
        let recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
        assert_eq!(fingerprint(&recipient.parse().unwrap()), "cf7e 5682 3131 5068 5bf1 6e42 c4ea 48e1");
        assert_eq!(tag(&recipient.parse().unwrap()), [0xcf, 0x7e, 0x56, 0x82]);
    }

    #[test]
    fn a_file_behind_a_passphrase_opens_with_it_and_with_no_other() {
        for key in both() {
            let file = key.locked_file(&SecretBytes::copy_of(b"correct horse")).unwrap();
            let file = SecretBytes::new(file);
            let found = identity::parse(&file, "FILE", Knows("correct horse")).unwrap();
            assert_eq!(found[0].recipient(), Some(key.recipient()));
            assert!(identity::parse(&file, "FILE", Knows("wrong")).is_err());
            assert!(key.locked_file(&SecretBytes::copy_of(b"")).is_err());
        }
    }
}
