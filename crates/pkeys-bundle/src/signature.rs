//! Signatures: SSHSIG, as `ssh-keygen -Y sign` and `-Y verify` make and check it.

use crate::base::{Error, Result};
use ssh_key::private::{KeypairData, RsaKeypair};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, Signature, SshSig};

/// The namespace of a signature on a bundle. One that was made for anything else is not valid.
pub const NAMESPACE: &str = "pkeys-bundle";
/// The namespace of a signature on the statement beside a local secret.
pub const STATEMENT_NAMESPACE: &str = "pkeys-secret";
/// The namespace of a signature on the trust set that the break-glass sheets lead to.
pub const TRUST_NAMESPACE: &str = "pkeys-trust";
/// The namespace of a signature on what is public of the escrow for break-glass.
pub const ESCROW_NAMESPACE: &str = "pkeys-escrow";

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

    /// The fingerprints of these keys.
    pub fn fingerprints(&self) -> Vec<String> {
        self.0.iter().map(|key| key.fingerprint(HashAlg::Sha256).to_string()).collect()
    }

    /// Verifies the signature of a bundle's manifest. Returns the signer's fingerprint.
    pub(super) fn verify(&self, bytes: &[u8], signature: &[u8]) -> Result<String> {
        self.verify_as(NAMESPACE, "manifest.json", bytes, signature)
    }

    /// Verifies the signature of a file in a namespace. Returns the signer's fingerprint.
    ///
    /// # Errors
    /// If it is not a valid signature of one of these.
    pub fn verify_as(&self, namespace: &str, file: &str, bytes: &[u8], signature: &[u8]) -> Result<String> {
        let broken = || Error::new(format!("{file}.sig is not an SSH signature"));
        let armored = signature;
        let signature = SshSig::from_pem(armored).map_err(|_| broken())?;
        // One signature, one file: other bytes that decode to the same are refused, as `ssh-keygen` never writes them.
        let canonical = signature.to_pem(LineEnding::LF).map_err(|_| broken())?;
        if armored.strip_suffix(b"\n").unwrap_or(armored) != canonical.trim_end_matches('\n').as_bytes() {
            return Err(broken());
        }
        if signature.version() != SshSig::VERSION {
            return Err(Error::new(format!("{file}.sig has an unknown version")));
        }
        if signature.namespace() != namespace {
            return Err(Error::new(format!("the signature was made for something else than {namespace}")));
        }
        let by = signature.public_key().fingerprint(HashAlg::Sha256);
        // Of a key that is not trusted too: whether it really signed is worth knowing.
        let fits = PublicKey::from(signature.public_key().clone()).verify(namespace, bytes, &signature).is_ok();
        if !self.0.iter().any(|key| key.key_data() == signature.public_key()) {
            let how = if fits { "is signed by" } else { "names as its signer" };
            let trusted = self.fingerprints().join(", ");
            return Err(Error::new(format!("it {how} {by}, which is not a trusted signer (trusted: {trusted})"))
                .hint("render it with a signing key that the host trusts, or add that key to the trusted signers"));
        }
        if !fits {
            return Err(Error::new(format!("the signature does not fit {file}: it was changed or damaged")));
        }
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

/// The public key that a signature names as its signer. It proves nothing until the signature is verified.
///
/// # Errors
/// If `signature` is not an armored SSHSIG.
pub fn claimed_signer(file: &str, signature: &[u8]) -> Result<PublicKey> {
    let signature =
        SshSig::from_pem(signature).map_err(|_| Error::new(format!("{file}.sig is not an SSH signature")))?;
    Ok(PublicKey::from(signature.public_key().clone()))
}

/// A public key line without its comment: one text for one key.
pub fn without_comment(line: &str) -> String {
    line.split_ascii_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// Signs a manifest: the armored text for `manifest.json.sig`.
///
/// # Errors
/// When the key is locked or of a kind that cannot sign here.
pub fn sign(manifest: &[u8], key: &PrivateKey) -> Result<String> {
    sign_as(NAMESPACE, manifest, key)
}

/// Signs a file in a namespace: the armored text of its `.sig`.
///
/// # Errors
/// If the key is locked or of a kind that cannot sign here.
pub fn sign_as(namespace: &str, bytes: &[u8], key: &PrivateKey) -> Result<String> {
    let signed = match key.key_data() {
        KeypairData::Rsa(rsa) => sign_rsa(namespace, bytes, rsa),
        _ => key.sign(namespace, HashAlg::Sha512, bytes),
    };
    let signed = signed.and_then(|signature| signature.to_pem(LineEnding::LF));
    signed.map_err(|_| {
        Error::new("the signing key cannot sign").hint("use an Ed25519, ECDSA or RSA key in OpenSSH format")
    })
}

/// `ssh-key` 0.6.7 builds an RSA key from its first prime twice and then refuses it; so `rsa` is called directly.
pub fn rsa_private_key(key: &RsaKeypair) -> ssh_key::Result<rsa::RsaPrivateKey> {
    let number =
        |n: &ssh_key::Mpint| n.as_positive_bytes().map(rsa::BigUint::from_bytes_be).ok_or(ssh_key::Error::Crypto);
    let primes = vec![number(&key.private.p)?, number(&key.private.q)?];
    let (n, e, d) = (number(&key.public.n)?, number(&key.public.e)?, number(&key.private.d)?);
    rsa::RsaPrivateKey::from_components(n, e, d, primes).map_err(|_| ssh_key::Error::Crypto)
}

fn sign_rsa(namespace: &str, bytes: &[u8], key: &RsaKeypair) -> ssh_key::Result<SshSig> {
    use rsa::signature::{SignatureEncoding, Signer};
    let signer = rsa::pkcs1v15::SigningKey::<sha2::Sha512>::new(rsa_private_key(key)?);
    let signature = signer.try_sign(&SshSig::signed_data(namespace, HashAlg::Sha512, bytes)?);
    let signature = signature.map_err(|_| ssh_key::Error::Crypto)?.to_vec();
    let signature = Signature::new(Algorithm::Rsa { hash: Some(HashAlg::Sha512) }, signature)?;
    SshSig::new(key.public.clone().into(), namespace, HashAlg::Sha512, signature)
}
