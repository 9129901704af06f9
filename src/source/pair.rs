//! Whether what is kept of a key belongs together. Pure.

use crate::base::{Error, Result, SecretBytes};
use crate::source::{KeptKey, KeyRecord};
use ssh_key::{HashAlg, PrivateKey, PublicKey};

/// The fingerprint (`SHA256:…`) of the public half of a private key in OpenSSH's format.
///
/// # Errors
/// When it is none, or is locked with a passphrase.
pub(super) fn fingerprint(private: &SecretBytes) -> Result<String> {
    Ok(open(private)?.fingerprint(HashAlg::Sha256).to_string())
}

/// Checks that the two halves are of one key and the date is one. Returns the key's fingerprint.
///
/// # Errors
/// When they are not. The message repeats neither half.
pub(super) fn check(key: &KeptKey) -> Result<String> {
    let private = open(&key.private)?;
    let public = PublicKey::from_openssh(&key.public).map_err(|_| Error::new("its public key is none"))?;
    if private.public_key().key_data() != public.key_data() {
        return Err(Error::new("its public key does not belong to its private key"));
    }
    if key.public.contains(['\n', '\r']) {
        return Err(Error::new("its public key has more than one line"));
    }
    check_date(&key.created)?;
    Ok(public.fingerprint(HashAlg::Sha256).to_string())
}

/// Checks all that a record holds.
///
/// # Errors
/// As [`check`].
pub(super) fn check_record(record: &KeyRecord) -> Result<()> {
    let archived = record.archived.as_ref().map(|(key, delete_after)| check_date(delete_after).map(|()| key));
    let all = [("current", record.current.as_ref()), ("previous", record.previous.as_ref())];
    for (which, key) in all.into_iter().chain([("archived", archived.transpose()?)]) {
        if let Some(key) = key {
            check(key).map_err(|e| e.context(format!("the {which} key cannot be kept")))?;
        }
    }
    Ok(())
}

fn open(private: &SecretBytes) -> Result<PrivateKey> {
    let key = PrivateKey::from_openssh(private.expose())
        .map_err(|_| Error::new("its private key is none in OpenSSH's format"))?;
    if key.is_encrypted() {
        return Err(Error::new("its private key is locked with a passphrase")
            .hint("take the passphrase off: `ssh-keygen -p -N '' -f FILE`; where it is kept it is encrypted"));
    }
    Ok(key)
}

/// RFC 3339: a day, or a moment.
fn check_date(text: &str) -> Result<()> {
    let good = text.parse::<jiff::Timestamp>().is_ok() || text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
    if good { Ok(()) } else { Err(Error::new("one of its dates is none")) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use ssh_key::{Algorithm, LineEnding};

    /// A new key.
    pub(in crate::source) fn key(comment: &str) -> KeptKey {
        let mut key = PrivateKey::random(&mut rand_core::OsRng, Algorithm::Ed25519).unwrap();
        key.set_comment(comment);
        KeptKey {
            private: SecretBytes::copy_of(key.to_openssh(LineEnding::LF).unwrap().as_bytes()),
            public: key.public_key().to_openssh().unwrap(),
            created: "2026-07-01T00:00:00Z".into(),
        }
    }

    #[test]
    fn halves_of_one_key_with_any_comment_pass() {
        let mut one = key("ann");
        one.public = one.public.replace("ann", "another comment");
        assert_eq!(check(&one).unwrap(), fingerprint(&one.private).unwrap());
        one.created = "2026-07-01".into();
        assert!(check(&one).is_ok());
    }

    #[test]
    fn what_does_not_belong_together_is_refused_without_repeating_it() {
        let (one, two) = (key("ann"), key("hunter2"));
        let with = |private: &[u8], public: &str, created: &str| {
            let private = SecretBytes::copy_of(private);
            check(&KeptKey { private, public: public.into(), created: created.into() }).unwrap_err()
        };
        let good = one.private.expose();
        for (error, message) in [
            (with(good, &two.public, &one.created), "its public key does not belong to its private key"),
            (with(b"hunter2", &one.public, &one.created), "its private key is none in OpenSSH's format"),
            (with(good, "hunter2", &one.created), "its public key is none"),
            (with(good, &one.public, "hunter2"), "one of its dates is none"),
            (with(good, &one.public, "2026-07-01T10:00"), "one of its dates is none"),
        ] {
            assert_eq!(error.message(), message);
        }
        let locked = PrivateKey::from_openssh(good).unwrap().encrypt(&mut rand_core::OsRng, "hunter2").unwrap();
        let locked = with(locked.to_openssh(LineEnding::LF).unwrap().as_bytes(), &one.public, &one.created);
        assert_eq!(locked.message(), "its private key is locked with a passphrase");
    }
}
