//! Writing local age files.

use crate::audit::{self, Action};
use crate::base::{Error, Result, SecretBytes, SecretName, files};
use crate::bundle;
use crate::grants::{self, statement, version, vouch};
use crate::manifest::Repository;
use crate::operator::Keys;
use crate::render::Sources;

/// Encrypts a value to the operators and break-glass, and writes its file whole, with a statement beside it. The value gets
/// a new version. Where the signing key needs no question, the statement is signed at once, else by the next render.
///
/// # Errors
/// If nobody is named to encrypt to, or a file cannot be written; then what was there is untouched.
pub fn write_local(repository: &Repository, keys: &Keys, name: &SecretName, value: &SecretBytes) -> Result<()> {
    let version = version::next(repository, name)?;
    write_version(repository, keys, name, value, version)
}

fn write_version(
    repository: &Repository,
    keys: &Keys,
    name: &SecretName,
    value: &SecretBytes,
    version: String,
) -> Result<()> {
    let recipients = grants::secret_recipients(repository)?;
    let file = bundle::encrypt(value, &recipients, keys.callbacks())?;
    files::make_directories(&repository.secrets_directory())?;
    // First, so that a run that is killed in between has vouched for what it left.
    vouch::written(repository, name, &file, &version, &recipients)?;
    files::write(&repository.secret_file(name), &file, files::PUBLIC)?;
    vouch::sign(repository, name, &file, keys.signing_key_without_asking())
}

/// Copies a local secret to another name, as it is encrypted. Its value keeps its version.
///
/// # Errors
/// If it is not there, nobody vouches for it, or a file cannot be written.
pub fn copy_local(repository: &Repository, keys: &Keys, from: &SecretName, to: &SecretName) -> Result<()> {
    let file = files::read(&repository.secret_file(from), bundle::MAX_PAYLOAD)?
        .ok_or_else(|| Error::new(format!("{from}.age vanished")).hint("restore it from git, and run it again"))?;
    let version = statement::version_of(repository, from, &file)?;
    let mut recipients = grants::secret_recipients(repository)?;
    if !statement::is_encrypted_to(repository, from, &file, &recipients) {
        // Of before somebody came or went: the next rekey encrypts it anew.
        recipients.clear();
    }
    vouch::written(repository, to, &file, &version.0, &recipients)?;
    files::write(&repository.secret_file(to), &file, files::PUBLIC)?;
    vouch::sign(repository, to, &file, keys.signing_key_without_asking())
}

/// Removes a local secret and its statement. Returns whether it was there.
///
/// # Errors
/// If a file cannot be removed.
pub fn remove_local(repository: &Repository, name: &SecretName) -> Result<bool> {
    // The file itself last: until it is gone, this can be run again.
    statement::remove(repository, name)?;
    files::remove(&repository.secret_file(name))
}

/// Encrypts the local age files anew, to whom `pkeys.toml` names now. Each value keeps its version, so no host becomes stale;
/// a file that a signed statement says is encrypted to exactly these stays as it is. All are opened before the first is
/// written. Returns how many were encrypted; `done` is called for each file.
///
/// # Errors
/// If one cannot be opened, or nobody vouches for it; then nothing is changed.
pub fn rekey(repository: &Repository, sources: &Sources, keys: &Keys, done: &dyn Fn()) -> Result<usize> {
    let recipients = grants::secret_recipients(repository)?;
    let mut values = Vec::new();
    for name in repository.local_secrets()? {
        let file = files::read(&repository.secret_file(&name), bundle::MAX_PAYLOAD)?.unwrap_or_default();
        if statement::is_encrypted_to(repository, &name, &file, &recipients) {
            done();
            continue;
        }
        let value = sources.read_local(&name).map_err(|e| e.hint("nothing was changed"))?;
        values.push((name, value));
    }
    let action = Action::new("secret rekey").number("secrets", values.len() as u64);
    audit::append(repository, &[action.list("recipients", recipients.iter().map(bundle::Recipient::id))])?;
    for (name, value) in &values {
        write_version(repository, keys, name, &value.bytes, value.version.0.clone())?;
        done();
    }
    Ok(values.len())
}
