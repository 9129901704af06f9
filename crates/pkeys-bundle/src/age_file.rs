//! Encrypting to recipients and decrypting with identities: the `age` crate, whole files in memory.

use crate::base::{Error, Result, SecretBytes};
use crate::{Callbacks, Identity, Recipient, check_mixture, header};
use age::secrecy::SecretString;
use age::{DecryptError, EncryptError, Encryptor, armor::ArmoredReader};
use std::borrow::Cow;
use std::io::{Read, Write};

/// Encrypts to all recipients, as a binary age file. `callbacks` speak for age plugins.
///
/// # Errors
/// If there is no recipient or more than a header may have, post-quantum recipients stand beside others, or a plugin is
/// missing or fails.
pub fn encrypt(plaintext: &SecretBytes, recipients: &[Recipient], callbacks: impl Callbacks) -> Result<Vec<u8>> {
    check_mixture(recipients)?;
    let recipients: Vec<_> = recipients.iter().map(|r| r.to_age(callbacks.clone())).collect::<Result<_>>()?;
    let wrap = |e: &EncryptError| match e {
        EncryptError::MissingRecipients => Error::new("there is no recipient to encrypt to"),
        // What only a plugin knew.
        EncryptError::IncompatibleRecipients { .. } => Error::new("the recipients cannot be combined in one file")
            .hint("post-quantum recipients stand only beside post-quantum recipients: ask the plugin for one"),
        EncryptError::Plugin(_) => Error::new("the age plugin failed to encrypt"),
        _ => Error::new("encryption failed"),
    };
    let encryptor = Encryptor::with_recipients(recipients.iter().map(|r| &**r as &dyn age::Recipient));
    let encryptor = encryptor.map_err(|e| wrap(&e))?;
    let mut file = Vec::with_capacity(plaintext.len() + plaintext.len() / 1024 + 4096);
    encryptor
        .wrap_output(&mut file)
        .and_then(|mut writer| writer.write_all(plaintext.expose()).and_then(|()| writer.finish()))
        .map_err(|e| Error::new(format!("encryption failed: {}", e.kind())))?;
    // Never a file that cannot be decrypted again.
    header::measure(&file).map(|_| file)
}

/// Encrypts behind a passphrase, armored: `age -d` asks for it.
///
/// # Errors
/// When the passphrase is empty or no text.
pub fn lock(plain: &SecretBytes, passphrase: &SecretBytes) -> Result<Vec<u8>> {
    let failed = |_| Error::new("cannot encrypt behind a passphrase");
    let text = passphrase.expose_str().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Error::new("the passphrase is empty or not UTF-8 text"))?;
    let mut file = Vec::new();
    let armor = age::armor::ArmoredWriter::wrap_output(&mut file, age::armor::Format::AsciiArmor).map_err(failed)?;
    let encryptor = Encryptor::with_user_passphrase(SecretString::from(text.to_owned()));
    let mut writer = encryptor.wrap_output(armor).map_err(failed)?;
    writer.write_all(plain.expose()).and_then(|()| writer.finish()?.finish()).map_err(failed)?;
    Ok(file)
}

/// Decrypts an age file, binary or armored, with the first identity that fits. Nothing is released unless all of it
/// is authentic.
///
/// # Errors
/// If no identity fits, the file is damaged, its header is too large, or its content is larger than `limit`.
pub fn decrypt(file: &[u8], identities: &[Identity], limit: usize) -> Result<SecretBytes> {
    let explain = |e: DecryptError| match e {
        DecryptError::NoMatchingKeys => Error::new("no identity here can decrypt it"),
        DecryptError::Plugin(_) => Error::new("the age plugin failed to decrypt"),
        DecryptError::MissingPlugin { .. } => {
            Error::new("the age plugin is not installed").hint("install it, or on a host name it in `pkeys.plugins`")
        }
        // A stanza of an identity's own kind that is malformed.
        DecryptError::InvalidHeader => Error::new("it is not an age file"),
        DecryptError::InvalidMac => Error::new("its header is damaged or was changed"),
        _ => Error::new("decryption failed"),
    };
    let file = without_armor(file)?;
    let decryptor = header::open(&file)?;
    if decryptor.is_scrypt() {
        return Err(Error::new("it is encrypted with a passphrase, not to recipients"));
    }
    let mut reader = decryptor.decrypt(identities.iter().map(Identity::as_age)).map_err(explain)?;
    SecretBytes::read_from(&mut reader, file.len(), limit)
        .map_err(|_| Error::new("its content is damaged, cut off or was changed"))
}

/// Returns the binary age file; blanks around armor are allowed.
///
/// # Errors
/// If the armor is damaged.
pub(super) fn without_armor(file: &[u8]) -> Result<Cow<'_, [u8]>> {
    let text = file.trim_ascii();
    if !text.starts_with(b"-----BEGIN") {
        return Ok(file.into());
    }
    let mut binary = Vec::with_capacity(text.len() / 4 * 3);
    ArmoredReader::new(text).read_to_end(&mut binary).map_err(|_| Error::new("its armor is damaged"))?;
    Ok(binary.into())
}
