//! Writing local age files.

use crate::audit::{self, Action};
use crate::base::{Result, SecretBytes, SecretName, files};
use crate::bundle;
use crate::grants;
use crate::manifest::Repository;
use crate::operator::Keys;
use crate::render::Sources;

/// Encrypts a value to the operators and break-glass, and writes its file whole.
///
/// # Errors
/// When nobody is named to encrypt to, or the file cannot be written; then what was there is untouched.
pub fn write_local(repository: &Repository, keys: &Keys, name: &SecretName, value: &SecretBytes) -> Result<()> {
    let file = bundle::encrypt(value, &grants::secret_recipients(repository)?, keys.callbacks())?;
    files::make_directories(&repository.secrets_directory())?;
    files::write(&repository.secret_file(name), &file, files::PUBLIC)
}

/// Encrypts every local age file anew, to whom `pkeys.toml` names now. All are opened before the first is written. Returns how
/// many there are; `done` is called for each.
///
/// # Errors
/// When one cannot be opened; then nothing is changed.
pub fn rekey(repository: &Repository, sources: &Sources, keys: &Keys, done: &dyn Fn()) -> Result<usize> {
    let names = repository.local_secrets()?;
    let values = names.iter().map(|name| sources.read_local(name).map(|value| (name, value.bytes)));
    let values = values.collect::<Result<Vec<_>>>().map_err(|e| e.hint("nothing was changed"))?;
    let recipients = grants::secret_recipients(repository)?;
    let action = Action::new("secret rekey").number("secrets", values.len() as u64);
    audit::append(repository, &[action.list("recipients", recipients.iter().map(bundle::Recipient::id))])?;
    for (name, value) in &values {
        write_local(repository, keys, name, value)?;
        done();
    }
    Ok(values.len())
}
