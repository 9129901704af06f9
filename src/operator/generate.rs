//! Making keys.

use crate::base::{Error, HostName, Result, SecretBytes};
use crate::bundle::{hybrid, identity, lock};
use crate::operator::{Prompt, prompt::new_passphrase};
use age::secrecy::ExposeSecret;
use rand_core::OsRng;
use ssh_key::{Algorithm, LineEnding, PrivateKey};

/// A private key's file, and the public half.
pub struct NewKeys {
    /// The text of the private file, behind a passphrase if one was given.
    pub private: SecretBytes,
    /// The recipient or SSH public key.
    pub public: String,
}

/// Makes an age identity, X25519 or post-quantum, behind a passphrase that is asked for unless `open`.
///
/// # Errors
/// When there is nobody to ask.
pub fn new_identity(prompt: &dyn Prompt, open: bool, post_quantum: bool) -> Result<NewKeys> {
    let (text, public) = if post_quantum {
        hybrid::new_file("pkeys operator identity")?
    } else {
        let key = age::x25519::Identity::generate();
        let public = key.to_public().to_string();
        let text = identity::file("pkeys operator identity", &public, key.to_string().expose_secret().as_bytes());
        (text, public)
    };
    if open {
        return Ok(NewKeys { private: text, public });
    }
    let passphrase = new_passphrase(prompt, "the age identity that opens your local secrets")?;
    Ok(NewKeys { private: SecretBytes::new(lock(&text, &passphrase)?), public })
}

/// Makes a host's Ed25519 SSH key. It has no passphrase: sshd reads it at boot.
///
/// # Errors
/// When the system has no randomness.
pub fn new_host_key(host: &HostName) -> Result<NewKeys> {
    ed25519(&format!("root@{host}"), "cannot make a host key")
}

/// The public half of a host's private key, as a line.
///
/// # Errors
/// When it is no SSH private key in OpenSSH's format.
pub fn public_half(private: &SecretBytes) -> Result<String> {
    let key = PrivateKey::from_openssh(private.expose()).map_err(|_| {
        Error::new("what is kept there is not an SSH private key in OpenSSH format")
            .hint("a reference to 1Password wants ?ssh-format=openssh at its end")
    })?;
    key.public_key().to_openssh().map_err(|_| Error::new("the host key has no usable public half"))
}

/// Makes an Ed25519 key without a passphrase: it is kept where only the right people can read it.
///
/// # Errors
/// When the system has no randomness.
pub fn new_ssh_key(comment: &str) -> Result<NewKeys> {
    ed25519(comment, "cannot make a key")
}

/// A new Ed25519 key in OpenSSH's format, without a passphrase.
fn ed25519(comment: &str, failure: &str) -> Result<NewKeys> {
    let failed = |_| Error::new(failure);
    let mut key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).map_err(failed)?;
    key.set_comment(comment);
    let public = key.public_key().to_openssh().map_err(failed)?;
    let text = key.to_openssh(LineEnding::LF).map_err(failed)?;
    Ok(NewKeys { private: SecretBytes::copy_of(text.as_bytes()), public })
}

/// Makes an Ed25519 signing key, behind a passphrase that is asked for unless `open`.
///
/// # Errors
/// When there is nobody to ask.
pub fn new_signing_key(prompt: &dyn Prompt, open: bool, operator: &str) -> Result<NewKeys> {
    let failed = |_| Error::new("cannot make a signing key");
    let mut key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).map_err(failed)?;
    key.set_comment(format!("pkeys signer {operator}"));
    let public = key.public_key().to_openssh().map_err(failed)?;
    if !open {
        let passphrase = new_passphrase(prompt, "the key that signs your bundles")?;
        key = key.encrypt(&mut OsRng, passphrase.expose()).map_err(failed)?;
    }
    let text = key.to_openssh(LineEnding::LF).map_err(failed)?;
    Ok(NewKeys { private: SecretBytes::copy_of(text.as_bytes()), public })
}
