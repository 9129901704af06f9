//! Public statements beside local secrets: who vouches for a ciphertext, and which version of its value it holds.
//!
//! `secrets/NAME.age` alone proves nothing: anyone can encrypt to public keys. `secrets/NAME.age.json` names the fleet, the
//! secret, its version, the ciphertext's SHA-256 and the recipients; `secrets/NAME.age.json.sig` is an SSHSIG over it by an
//! accepted signer. A value that this machine has written is valid here until `render` has signed it.

use super::{version, vouch};
use crate::base::files::{self, Beneath};
use crate::base::{Error, FleetId, Result, SecretName};
use crate::bundle::{MAX_PAYLOAD, Recipient, STATEMENT_NAMESPACE, Signers, sha256_hex, sign_as};
use crate::manifest::Repository;
use crate::source::{KeyPlace, Version};
use crate::trust::{Claim, Vouched};
use serde::{Deserialize, Serialize};
use ssh_key::PrivateKey;

const FORMAT: &str = "pkeys-secret/1";
/// No statement or signature is larger.
const MAX_STATEMENT: usize = 1024 * 1024;

/// What is public of a local secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Statement {
    format: String,
    fleet: FleetId,
    name: SecretName,
    version: String,
    /// The SHA-256 of the age file, in hexadecimal.
    sha256: String,
    recipients: Vec<String>,
}

/// The version of a local secret's value, once it is known that an accepted signer, or this machine, vouches for its
/// ciphertext. Users' private keys need no statement: they are compared with their public keys, and go to no host.
///
/// # Errors
/// If nobody vouches for it.
pub fn version_of(repository: &Repository, name: &SecretName, ciphertext: &[u8]) -> Result<Version> {
    let sha256 = sha256_hex(ciphertext);
    if KeyPlace::is_file_name(name) {
        return Ok(Version(version::of_ciphertext(&sha256)));
    }
    // What this machine has written or accepted comes first: a statement could be another one for the same ciphertext.
    match vouch::find(repository, name, &sha256)? {
        Some(value) => Ok(Version(value.version)),
        None => signed(repository, name, &sha256).map(|statement| Version(statement.version)),
    }
}

/// The version of a local secret's value, once it is known that one of these vouches for its ciphertext: where there are no
/// pins.
///
/// # Errors
/// If none of them does.
pub fn version_by(repository: &Repository, signers: &Signers, name: &SecretName, file: &[u8]) -> Result<Version> {
    let sha256 = sha256_hex(file);
    if KeyPlace::is_file_name(name) {
        return Ok(Version(version::of_ciphertext(&sha256)));
    }
    signed_by(repository, signers, name, &sha256).map(|statement| Version(statement.version))
}

/// Whether this machine, or a statement of an accepted signer, says that a ciphertext is encrypted to exactly these.
pub fn is_encrypted_to(
    repository: &Repository,
    name: &SecretName,
    ciphertext: &[u8],
    recipients: &[Recipient],
) -> bool {
    let sha256 = sha256_hex(ciphertext);
    let vouched = vouch::find(repository, name, &sha256).ok().flatten().map(|value| value.recipients);
    let named = vouched.or_else(|| signed(repository, name, &sha256).ok().map(|statement| statement.recipients));
    named.is_some_and(|named| named.iter().map(String::as_str).eq(recipients.iter().map(Recipient::id)))
}

/// Removes the statement of a secret that is removed.
///
/// # Errors
/// If a file cannot be removed.
pub fn remove(repository: &Repository, name: &SecretName) -> Result<()> {
    files::remove(&signature(repository, name))?;
    files::remove(&place(repository, name)).map(drop)
}

/// The values of these secrets that nobody vouches for.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn unaccepted(repository: &Repository, names: impl IntoIterator<Item = SecretName>) -> Result<Vec<Claim>> {
    let mut claims = Vec::new();
    for name in names {
        let Some(file) = files::read(&repository.secret_file(&name), MAX_PAYLOAD)? else { continue };
        if version_of(repository, &name, &file).is_err() {
            claims.push(Claim::Local { name, sha256: sha256_hex(&file) });
        }
    }
    Ok(claims)
}

/// Writes and signs the statement of a value that this machine vouches for.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn write(repository: &Repository, value: &Vouched, key: &PrivateKey) -> Result<()> {
    let statement = Statement {
        format: FORMAT.into(),
        fleet: repository.fleet()?.clone(),
        name: value.name.clone(),
        version: value.version.clone(),
        sha256: value.sha256.clone(),
        recipients: value.recipients.clone(),
    };
    let mut bytes = serde_json::to_vec_pretty(&statement).expect("a statement has only names");
    bytes.push(b'\n');
    let armored = sign_as(STATEMENT_NAMESPACE, &bytes, key)?;
    files::write(&place(repository, &value.name), &bytes, files::PUBLIC)?;
    files::write(&signature(repository, &value.name), armored.as_bytes(), files::PUBLIC)
}

/// The statement of a ciphertext, if an accepted signer signed it for this fleet and name.
pub(super) fn signed(repository: &Repository, name: &SecretName, sha256: &str) -> Result<Statement> {
    let signers = Signers::parse(&repository.pins()?.signers())?;
    signed_by(repository, &signers, name, sha256)
}

/// The version in the statement of a secret, if an accepted signer signed it, whatever ciphertext is there now.
pub(super) fn signed_version(repository: &Repository, name: &SecretName) -> Option<String> {
    let signers = Signers::parse(&repository.pins().ok()?.signers()).ok()?;
    Some(verified(repository, &signers, name).ok()?.version)
}

/// What the statement beside a ciphertext says of its version, whoever wrote it.
pub(super) fn claimed_version(repository: &Repository, name: &SecretName, sha256: &str) -> Option<String> {
    let (statement, _) = read(repository, name).ok().flatten()?;
    (statement.sha256 == sha256).then_some(statement.version)
}

fn signed_by(repository: &Repository, signers: &Signers, name: &SecretName, sha256: &str) -> Result<Statement> {
    let statement = verified(repository, signers, name)?;
    if statement.sha256 != sha256 {
        return Err(Error::new(format!("{name}.age is not the file that was signed")).hint(NEXT));
    }
    Ok(statement)
}

fn verified(repository: &Repository, signers: &Signers, name: &SecretName) -> Result<Statement> {
    let path = format!("{name}.age");
    let unsigned = || Error::new(format!("nobody has signed the value in {path}")).hint(NEXT);
    let (statement, bytes) = read(repository, name)?.ok_or_else(unsigned)?;
    let signature = files::read(&signature(repository, name), MAX_STATEMENT)?.ok_or_else(unsigned)?;
    signers
        .verify_as(STATEMENT_NAMESPACE, &format!("{path}.json"), &bytes, &signature)
        .map_err(|e| Error::new(e.message()).hint(NEXT))?;
    if statement.fleet != *repository.fleet()? || statement.name != *name {
        return Err(Error::new(format!("{path}.json is about another secret")).hint(NEXT));
    }
    Ok(statement)
}

const NEXT: &str = "if you know where the value comes from: `pkeys trust accept`; else restore it from git";

fn read(repository: &Repository, name: &SecretName) -> Result<Option<(Statement, Vec<u8>)>> {
    let Some(bytes) = files::read(&place(repository, name), MAX_STATEMENT)? else { return Ok(None) };
    let statement: Option<Statement> = serde_json::from_slice(&bytes).ok();
    match statement.filter(|statement| statement.format == FORMAT) {
        Some(statement) => Ok(Some((statement, bytes))),
        None => Err(Error::new(format!("{name}.age.json is not as pkeys wrote it"))
            .hint("is there a merge conflict in it? restore it from git, or set the secret again")),
    }
}

fn place(repository: &Repository, name: &SecretName) -> Beneath {
    repository.secrets_directory().join(format!("{name}.age.json"))
}

fn signature(repository: &Repository, name: &SecretName) -> Beneath {
    repository.secrets_directory().join(format!("{name}.age.json.sig"))
}
