//! A user key that a login is tried with.

use crate::base::{Error, Result, SecretBytes, process};
use crate::bundle::rsa_private_key;
use rsa::signature::{SignatureEncoding, Signer};
use ssh_key::private::KeypairData;
use ssh_key::{Algorithm, HashAlg, PrivateKey, PublicKey, Signature};

/// Flags of a signature request (OpenSSH's PROTOCOL.agent).
const RSA_SHA2_256: u32 = 2;
const RSA_SHA2_512: u32 = 4;

/// A public key, and its private key where a login is to be completed.
pub struct LoginKey {
    public: PublicKey,
    private: Option<SecretBytes>,
}

impl LoginKey {
    /// A public key alone: enough to see whether a host would take it.
    ///
    /// # Errors
    /// If it cannot be parsed.
    pub fn public(line: &str) -> Result<Self> {
        let parsed = PublicKey::from_openssh(line)
            .map_err(|_| Error::new("invalid SSH public key").hint("correct it in keys.toml"))?;
        Ok(Self { public: PublicKey::from(parsed.key_data().clone()), private: None })
    }

    /// A key pair: the private key in OpenSSH's format, without a passphrase.
    ///
    /// # Errors
    /// If either cannot be used, or they do not belong together.
    pub fn pair(line: &str, private: &SecretBytes) -> Result<Self> {
        let public = Self::public(line)?.public;
        let fits = process::wiping(|| {
            PrivateKey::from_openssh(private.expose())
                .is_ok_and(|parsed| !parsed.is_encrypted() && parsed.public_key().key_data() == public.key_data())
        });
        if !fits {
            return Err(Error::new("cannot log in with the private key")
                .hint("is it whole, without a passphrase, and the one of its public key?"));
        }
        Ok(Self { public, private: Some(SecretBytes::copy_of(private.expose())) })
    }

    /// Whether a login can be completed with it.
    pub(super) fn is_pair(&self) -> bool {
        self.private.is_some()
    }

    /// `SHA256:…`
    pub(super) fn fingerprint(&self) -> String {
        self.public.fingerprint(HashAlg::Sha256).to_string()
    }

    /// The line for a file that `ssh` reads.
    pub(super) fn line(&self) -> Result<String> {
        self.public.to_openssh().map_err(|_| unusable())
    }

    /// The public key as the agent protocol has it.
    pub(super) fn blob(&self) -> Result<Vec<u8>> {
        self.public.to_bytes().map_err(|_| unusable())
    }

    /// The signature algorithms that a host may take the key with, the best one first. `ssh` tries no second one by itself.
    pub(super) fn algorithms(&self) -> Vec<String> {
        match self.public.algorithm() {
            Algorithm::Rsa { .. } => ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"].map(Into::into).into(),
            other => vec![other.as_str().to_owned()],
        }
    }

    /// Signs as an agent does; `None` without a private key, or when it cannot sign that way.
    pub(super) fn sign(&self, data: &[u8], flags: u32) -> Option<Signature> {
        let private = self.private.as_ref()?.expose();
        process::wiping(|| sign(private, data, flags))
    }
}

fn sign(private: &[u8], data: &[u8], flags: u32) -> Option<Signature> {
    let key = PrivateKey::from_openssh(private).ok()?;
    let KeypairData::Rsa(rsa) = key.key_data() else { return key.try_sign(data).ok() };
    let private = rsa_private_key(rsa).ok()?;
    // SHA-1, without a flag, is refused.
    let (hash, bytes) = if flags & RSA_SHA2_512 != 0 {
        (HashAlg::Sha512, rsa::pkcs1v15::SigningKey::<sha2::Sha512>::new(private).try_sign(data).ok()?.to_vec())
    } else if flags & RSA_SHA2_256 != 0 {
        (HashAlg::Sha256, rsa::pkcs1v15::SigningKey::<sha2::Sha256>::new(private).try_sign(data).ok()?.to_vec())
    } else {
        return None;
    };
    Signature::new(Algorithm::Rsa { hash: Some(hash) }, bytes).ok()
}

fn unusable() -> Error {
    Error::new("cannot use this kind of SSH key").hint("use an Ed25519, ECDSA or RSA key")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsa::signature::Verifier;

    #[test]
    fn an_rsa_key_signs_with_the_hash_that_is_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        let mut made = std::process::Command::new("ssh-keygen");
        made.args(["-q", "-t", "rsa", "-b", "3072", "-N", "", "-f"]).arg(&file);
        assert!(made.status().unwrap().success());
        let private = SecretBytes::new(std::fs::read(&file).unwrap());
        let line = std::fs::read_to_string(file.with_extension("pub")).unwrap();
        let key = LoginKey::pair(&line, &private).unwrap();
        for (flags, hash) in [(RSA_SHA2_256, HashAlg::Sha256), (RSA_SHA2_512, HashAlg::Sha512)] {
            let signature = key.sign(b"message", flags).unwrap();
            assert_eq!(signature.algorithm(), Algorithm::Rsa { hash: Some(hash) });
            key.public.key_data().verify(b"message", &signature).unwrap();
        }
        assert!(key.sign(b"message", 0).is_none(), "SHA-1");
        assert!(LoginKey::public(&line).unwrap().sign(b"message", RSA_SHA2_512).is_none());
        let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJSRNUWgI+OIjzO1q+FZ0NQ8rPF620EHEERr2g+Ejcw";
        assert!(LoginKey::pair(other, &private).is_err(), "they do not belong together");
    }
}
