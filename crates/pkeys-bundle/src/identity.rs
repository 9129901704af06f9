//! Identities: the private keys that decrypt.

use crate::base::{Error, Result, SecretBytes, files};
use crate::{Callbacks, Recipient, age_file, header, hybrid};
use age::secrecy::SecretString;
use std::path::Path;

/// The largest identity file, in bytes.
const MAX_FILE: usize = 1024 * 1024;

/// A private key that decrypts, with its public name where that is known.
pub struct Identity {
    key: Box<dyn age::Identity + Send + Sync>,
    public: Option<Recipient>,
}

impl Identity {
    /// How the public manifest names the recipient that it decrypts for; unknown for plugins.
    pub fn public(&self) -> Option<&str> {
        self.public.as_ref().map(Recipient::id)
    }

    /// The recipient that it decrypts for; unknown for plugins.
    pub fn recipient(&self) -> Option<&Recipient> {
        self.public.as_ref()
    }

    pub(super) fn as_age(&self) -> &dyn age::Identity {
        &*self.key
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.public().unwrap_or("[plugin identity]"))
    }
}

/// Reads a file of identities: an OpenSSH private key, an age identity file, or one of these behind a passphrase,
/// which `callbacks` are asked for once.
///
/// # Errors
/// When the file is not there, is none of these, or the passphrase is wrong or cannot be asked for.
pub fn load(path: &Path, callbacks: impl Callbacks) -> Result<Vec<Identity>> {
    let bytes = files::read_secret(path, MAX_FILE)?
        .ok_or_else(|| Error::new(format!("there is no identity at {}", path.display())))?;
    parse(&bytes, &path.display().to_string(), callbacks)
}

/// The same from memory; `from` says in errors and prompts where it came from.
///
/// # Errors
/// As [`load`].
pub fn parse(bytes: &SecretBytes, from: &str, callbacks: impl Callbacks) -> Result<Vec<Identity>> {
    let all = bytes.expose();
    if all.trim_ascii_start().starts_with(b"-----BEGIN OPENSSH PRIVATE KEY-----") {
        return ssh(all.trim_ascii_start(), from, &callbacks).map(|key| vec![key]);
    }
    if all.starts_with(b"age-encryption.org/") || all.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
        return age_keys(&behind_passphrase(all, from, &callbacks)?, from, callbacks);
    }
    age_keys(bytes, from, callbacks)
}

/// The text of an age identity's file: what it is, its recipient, its key.
pub fn file(what: &str, public: &str, key: &[u8]) -> SecretBytes {
    let head = format!("# {what}\n# public key: {public}\n");
    let mut text = SecretBytes::with_capacity(head.len() + key.len() + 1);
    for part in [head.as_bytes(), key, b"\n"] {
        text.extend(part);
    }
    text
}

fn ssh(bytes: &[u8], from: &str, callbacks: &impl age::Callbacks) -> Result<Identity> {
    use age::ssh::Identity as Ssh;
    let unsupported = || {
        Error::new(format!("the SSH key in {from} cannot decrypt"))
            .hint("age decrypts with ssh-ed25519 and ssh-rsa keys in OpenSSH format only")
    };
    let key = match Ssh::from_buffer(bytes, None).map_err(|_| unsupported())? {
        Ssh::Encrypted(locked) => {
            let open = locked.decrypt(ask(from, callbacks)?);
            Ssh::Unencrypted(open.map_err(|_| Error::new(format!("wrong passphrase for {from}")))?)
        }
        open @ Ssh::Unencrypted(_) => open,
        Ssh::Unsupported(_) => return Err(unsupported()),
    };
    let public = age::ssh::Recipient::try_from(key.clone()).map_err(|_| unsupported())?;
    Ok(Identity { key: Box::new(key), public: Some(public.to_string().parse()?) })
}

fn age_keys(bytes: &SecretBytes, from: &str, callbacks: impl Callbacks) -> Result<Vec<Identity>> {
    let text = bytes.expose_str().unwrap_or_default();
    let mut found = Vec::new();
    for (number, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Ok(key) = line.parse::<age::x25519::Identity>() {
            let public = Some(key.to_public().to_string().parse()?);
            found.push(Identity { key: Box::new(key), public });
        } else if let Some(key) = hybrid::Identity::parse(line) {
            let public = Some(key.to_public().to_string().parse()?);
            found.push(Identity { key: Box::new(key), public });
        } else if let Ok(key) = line.parse::<age::plugin::Identity>() {
            let plugin =
                age::plugin::IdentityPluginV1::new(key.plugin(), std::slice::from_ref(&key), callbacks.clone());
            let plugin = plugin.map_err(|_| {
                Error::new(format!("the age plugin age-plugin-{} is not installed", key.plugin()))
                    .hint("install it, so that it is found in PATH")
            })?;
            callbacks.may_run(key.plugin())?;
            found.push(Identity { key: Box::new(plugin), public: None });
        } else {
            return Err(no_identity(line, &format!("line {} of {from}", number + 1)));
        }
    }
    if found.is_empty() {
        return Err(Error::new(format!("{from} holds no identity")).hint(
            "an identity is an age key file (AGE-SECRET-KEY-1… or AGE-SECRET-KEY-PQ-1…) or an OpenSSH private key",
        ));
    }
    Ok(found)
}

/// What is wrong with a line that is no identity. It may be a secret all the same, and is not repeated.
fn no_identity(text: &str, place: &str) -> Error {
    if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
        return Error::new(format!("{place} is an age identity that does not fit its own checksum"))
            .hint("a character was changed or is missing: restore the file from its backup");
    }
    Error::new(format!("{place} is not an age identity"))
}

fn behind_passphrase(bytes: &[u8], from: &str, callbacks: &impl age::Callbacks) -> Result<SecretBytes> {
    let broken = || Error::new(format!("{from} is not an identity behind a passphrase"));
    let file = age_file::without_armor(bytes).map_err(|_| broken())?;
    let decryptor = header::open(&file).map_err(|_| broken())?;
    if !decryptor.is_scrypt() {
        return Err(broken().hint("it is encrypted to recipients; decrypt it with `age -d` first"));
    }
    let mut key = age::scrypt::Identity::new(ask(from, callbacks)?);
    key.set_max_work_factor(22);
    let mut reader = decryptor
        .decrypt(std::iter::once(&key as &dyn age::Identity))
        .map_err(|_| Error::new(format!("wrong passphrase for {from}")))?;
    SecretBytes::read_from(&mut reader, bytes.len(), MAX_FILE).map_err(|_| broken())
}

fn ask(from: &str, callbacks: &impl age::Callbacks) -> Result<SecretString> {
    callbacks.request_passphrase(&format!("Passphrase for {from}")).ok_or_else(|| {
        Error::new(format!("{from} needs a passphrase, and there is nobody to ask"))
            .hint("run it in a terminal, or use an identity without a passphrase")
    })
}
