//! Writing local age files.

use crate::base::{Result, SecretBytes, SecretName, files};
use crate::bundle;
use crate::manifest::Repository;
use crate::operator::Keys;

/// Encrypts a value to the operators and break-glass, and writes its file whole.
///
/// # Errors
/// When nobody is named to encrypt to, or the file cannot be written; then what was there is untouched.
pub fn write_local(repository: &Repository, keys: &Keys, name: &SecretName, value: &SecretBytes) -> Result<()> {
    let file = bundle::encrypt(value, &repository.manifest().secret_recipients()?, keys.callbacks())?;
    files::make_directories(&repository.secrets_directory())?;
    files::write(&repository.secret_file(name), &file, files::PUBLIC)
}
