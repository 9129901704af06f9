//! Signatures: SSHSIG, as `ssh-keygen -Y sign` and `-Y verify` make and check it.

use crate::base::{Error, Result};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};

/// The namespace of a signature on a bundle; a signature made for anything else does not count.
pub const NAMESPACE: &str = "pkeys-bundle";

/// The SSH keys whose signature is trusted.
#[derive(Clone, Debug)]
pub struct Signers(Vec<PublicKey>);

impl Signers {
    /// From OpenSSH public key lines.
    ///
    /// # Errors
    /// When one is no public key, or of a kind that must not be trusted; says which, by its number.
    pub fn parse<S: AsRef<str>>(keys: &[S]) -> Result<Self> {
        let parsed = keys.iter().enumerate().map(|(number, key)| {
            public_key(key.as_ref()).map_err(|e| e.context(format!("trusted signer {}", number + 1)))
        });
        parsed.collect::<Result<_>>().map(Self)
    }

    /// Whether this key is one of them.
    pub fn trusts(&self, key: &PublicKey) -> bool {
        self.0.iter().any(|signer| signer.key_data() == key.key_data())
    }

    /// Whether a signature over `bytes` is by one of these, and by which (its fingerprint).
    pub(super) fn verify(&self, bytes: &[u8], signature: &[u8]) -> Result<String> {
        let broken = || Error::new("manifest.json.sig is not an SSH signature");
        let signature = SshSig::from_pem(signature).map_err(|_| broken())?;
        if signature.namespace() != NAMESPACE {
            return Err(Error::new(format!("the signature was made for something else than {NAMESPACE}")));
        }
        let signer = self.0.iter().find(|key| key.key_data() == signature.public_key());
        let by = signature.public_key().fingerprint(HashAlg::Sha256);
        let signer = signer.ok_or_else(|| {
            Error::new(format!("it is signed by {by}, which is not a trusted signer"))
                .hint("render it with a signing key that the host trusts, or add that key to the trusted signers")
        })?;
        signer
            .verify(NAMESPACE, bytes, &signature)
            .map_err(|_| Error::new("the signature does not fit manifest.json: it was changed or damaged"))?;
        Ok(by.to_string())
    }
}

/// Reads an OpenSSH public key that may sign: Ed25519, ECDSA, RSA of at least 2048 bits, or a hardware key.
///
/// # Errors
/// When it is none of these.
pub fn public_key(line: &str) -> Result<PublicKey> {
    let key = PublicKey::from_openssh(line.trim())
        .map_err(|_| Error::new("not an SSH public key").hint("expected a line like `ssh-ed25519 AAAA… comment`"))?;
    let bits = key.key_data().rsa().and_then(|rsa| rsa.n.as_positive_bytes()).map(|n| n.len() * 8);
    if key.algorithm() == Algorithm::Dsa || bits.is_some_and(|bits| bits < 2048) {
        return Err(Error::new("that SSH key is too weak to sign").hint("use an Ed25519 key: `ssh-keygen -t ed25519`"));
    }
    Ok(key)
}

/// Signs a manifest: the armored text for `manifest.json.sig`.
///
/// # Errors
/// When the key is locked or of a kind that cannot sign here.
pub fn sign(manifest: &[u8], key: &PrivateKey) -> Result<String> {
    let signed = key.sign(NAMESPACE, HashAlg::Sha512, manifest).and_then(|sig| sig.to_pem(LineEnding::LF));
    signed.map_err(|_| {
        Error::new("the signing key cannot sign").hint("use an Ed25519, ECDSA or RSA key in OpenSSH format")
    })
}
