//! Public statements beside local secrets: who vouches for a ciphertext, and which version of its value it holds.
//!
//! Anyone can encrypt to public keys, so an age file alone proves nothing. `secrets/NAME.age.json` names the fleet, the
//! secret, its version, the ciphertext's SHA-256 and the recipients; `secrets/NAME.age.json.sig` is an SSHSIG over it by an
//! accepted signer. A value that this machine has written is valid here until `render` has signed it.

use crate::base::files::{self, Beneath};
use crate::base::{Error, FleetId, Result, SecretName};
use crate::bundle::{Recipient, STATEMENT_NAMESPACE, Signers, sha256_hex, sign_as};
use crate::manifest::Repository;
use crate::source::{KeyPlace, Version};
use crate::trust::Claim;
use rand_core::{OsRng, RngCore};
use serde::{Deserialize, Serialize};
use ssh_key::PrivateKey;
use std::collections::BTreeSet;

const FORMAT: &str = "pkeys-secret/1";
/// No statement or signature is larger.
const MAX_STATEMENT: usize = 1024 * 1024;

/// What is public of a local secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    format: String,
    fleet: FleetId,
    name: SecretName,
    /// `COUNTER-RANDOM`; of a value from before there were statements, `sha256:` and the digest of its first ciphertext.
    version: String,
    /// The SHA-256 of the age file, in hexadecimal.
    sha256: String,
    recipients: Vec<String>,
}

impl Statement {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a statement has only names");
        bytes.push(b'\n');
        bytes
    }
}

/// The version of a local secret's value, once it is known that an accepted signer, or this machine, vouches for its
/// ciphertext. Users' private keys need no statement: they are compared with their public keys, and go to no host.
///
/// # Errors
/// If nobody vouches for it.
pub fn version_of(repository: &Repository, name: &SecretName, ciphertext: &[u8]) -> Result<Version> {
    let sha256 = sha256_hex(ciphertext);
    if KeyPlace::is_file_name(name) {
        return Ok(first_version(&sha256));
    }
    let written_here = repository.pins()?.accepts(&Claim::Local { name: name.clone(), sha256: sha256.clone() });
    match signed(repository, name, &sha256) {
        Ok(statement) => Ok(Version(statement.version)),
        Err(_) if written_here => {
            let unsigned = read(repository, name)?.map(|(statement, _)| statement);
            let version = unsigned.filter(|statement| statement.sha256 == sha256).map(|statement| statement.version);
            Ok(version.map_or_else(|| first_version(&sha256), Version))
        }
        Err(e) => Err(e),
    }
}

/// Vouches on this machine for a ciphertext that it is about to write.
///
/// # Errors
/// If the pins cannot be written.
pub fn vouch(repository: &Repository, name: &SecretName, ciphertext: &[u8]) -> Result<()> {
    repository.pins()?.accept([&Claim::Local { name: name.clone(), sha256: sha256_hex(ciphertext) }])
}

/// Writes the statement of a new ciphertext, and signs it if a key is given; without one, the next render does.
///
/// # Errors
/// If a file cannot be written.
pub fn write(
    repository: &Repository,
    name: &SecretName,
    ciphertext: &[u8],
    version: String,
    recipients: &[Recipient],
    key: Option<&PrivateKey>,
) -> Result<()> {
    let statement = Statement {
        format: FORMAT.into(),
        fleet: repository.fleet()?.clone(),
        name: name.clone(),
        version,
        sha256: sha256_hex(ciphertext),
        recipients: recipients.iter().map(|recipient| recipient.id().to_owned()).collect(),
    };
    files::write(&place(repository, name), &statement.to_bytes(), files::PUBLIC)?;
    let signers = Signers::parse(&repository.pins()?.signers())?;
    match key.filter(|key| signers.trusts(key.public_key())) {
        Some(key) => {
            sign(repository, &statement, key)?;
            repository.pins()?.settle(
                &[],
                &BTreeSet::new(),
                [&Claim::Local { name: name.clone(), sha256: statement.sha256 }],
            )
        }
        // One that belongs to the statement before would only look like an attack.
        None => files::remove(&signature(repository, name)).map(drop),
    }
}

/// Signs the statements of all values that this machine has written or accepted and nobody has signed yet. `key` is
/// called when there is one.
///
/// # Errors
/// If the key cannot be had, or a file cannot be written.
pub fn sign_outstanding<'k>(repository: &Repository, key: impl Fn() -> Result<&'k PrivateKey>) -> Result<()> {
    let mut done = Vec::new();
    // Not in the loop's head: the guard would live as long as the loop.
    let outstanding = repository.pins()?.local_values();
    for (name, sha256) in outstanding {
        let current = files::read(&repository.secret_file(&name), crate::bundle::MAX_PAYLOAD)?;
        if current.is_some_and(|file| sha256_hex(&file) == sha256) && signed(repository, &name, &sha256).is_err() {
            let statement = read(repository, &name)?.map(|(statement, _)| statement);
            let statement = statement.filter(|statement| statement.sha256 == sha256);
            let statement = match statement {
                Some(statement) => statement,
                // A value from before there were statements, or of a run that was killed.
                None => Statement {
                    format: FORMAT.into(),
                    fleet: repository.fleet()?.clone(),
                    name: name.clone(),
                    version: first_version(&sha256).0,
                    sha256: sha256.clone(),
                    recipients: super::secret_recipients(repository)?.iter().map(|r| r.id().to_owned()).collect(),
                },
            };
            files::write(&place(repository, &name), &statement.to_bytes(), files::PUBLIC)?;
            sign(repository, &statement, key()?)?;
        }
        done.push(Claim::Local { name, sha256 });
    }
    repository.pins()?.settle(&[], &BTreeSet::new(), &done)
}

/// The values of these secrets that nobody vouches for.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn unaccepted(repository: &Repository, names: impl IntoIterator<Item = SecretName>) -> Result<Vec<Claim>> {
    let mut claims = Vec::new();
    for name in names {
        let Some(file) = files::read(&repository.secret_file(&name), crate::bundle::MAX_PAYLOAD)? else { continue };
        if version_of(repository, &name, &file).is_err() {
            claims.push(Claim::Local { name, sha256: sha256_hex(&file) });
        }
    }
    Ok(claims)
}

/// The version of a new value: one more than its predecessor's.
///
/// # Errors
/// If the statement that is there cannot be read.
pub fn next_version(repository: &Repository, name: &SecretName) -> Result<String> {
    let current = read(repository, name)?.and_then(|(statement, _)| counter(&statement.version));
    Ok(format!("{}-{:016x}", current.unwrap_or(0).saturating_add(1), OsRng.next_u64()))
}

/// Whether a statement of a valid signer says that a ciphertext is encrypted to exactly these.
pub fn is_encrypted_to(
    repository: &Repository,
    name: &SecretName,
    ciphertext: &[u8],
    recipients: &[Recipient],
) -> bool {
    signed(repository, name, &sha256_hex(ciphertext))
        .is_ok_and(|statement| statement.recipients.iter().map(String::as_str).eq(recipients.iter().map(Recipient::id)))
}

/// Whether a version of a value is an older one than another.
pub fn is_older(version: &str, than: &str) -> bool {
    counter(version).zip(counter(than)).is_some_and(|(version, than)| version < than)
}

/// Removes the statement of a secret that is removed.
///
/// # Errors
/// If a file cannot be removed.
pub fn remove(repository: &Repository, name: &SecretName) -> Result<()> {
    files::remove(&signature(repository, name))?;
    files::remove(&place(repository, name)).map(drop)
}

/// The counter of `COUNTER-RANDOM`.
fn counter(version: &str) -> Option<u64> {
    let (counter, random) = version.split_once('-')?;
    let plain = random.len() == 16 && counter.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| counter.parse().ok()).flatten()
}

fn first_version(sha256: &str) -> Version {
    Version(format!("sha256:{sha256}"))
}

/// The version of a local secret's value, once it is known that one of these vouches for its ciphertext: where there are no
/// pins.
///
/// # Errors
/// If none of them does.
pub fn version_by(repository: &Repository, signers: &Signers, name: &SecretName, file: &[u8]) -> Result<Version> {
    let sha256 = sha256_hex(file);
    if KeyPlace::is_file_name(name) {
        return Ok(first_version(&sha256));
    }
    signed_by(repository, signers, name, &sha256).map(|statement| Version(statement.version))
}

/// The statement of a ciphertext, if an accepted or former signer signed it for this fleet and name.
fn signed(repository: &Repository, name: &SecretName, sha256: &str) -> Result<Statement> {
    let signers = Signers::parse(&repository.pins()?.signers())?;
    signed_by(repository, &signers, name, sha256)
}

fn signed_by(repository: &Repository, signers: &Signers, name: &SecretName, sha256: &str) -> Result<Statement> {
    let path = format!("{name}.age");
    let next = "if you know where the value comes from: `pkeys trust accept`; else restore it from git";
    let unsigned = || Error::new(format!("nobody has signed the value in {path}")).hint(next);
    let (statement, bytes) = read(repository, name)?.ok_or_else(unsigned)?;
    let signature = files::read(&signature(repository, name), MAX_STATEMENT)?.ok_or_else(unsigned)?;
    signers.verify_as(STATEMENT_NAMESPACE, &format!("{path}.json"), &bytes, &signature)?;
    if statement.fleet != *repository.fleet()? || statement.name != *name {
        return Err(Error::new(format!("{path}.json is about another secret")).hint(next));
    }
    if statement.sha256 != sha256 {
        return Err(Error::new(format!("{path} is not the file that was signed")).hint(next));
    }
    Ok(statement)
}

fn read(repository: &Repository, name: &SecretName) -> Result<Option<(Statement, Vec<u8>)>> {
    let Some(bytes) = files::read(&place(repository, name), MAX_STATEMENT)? else { return Ok(None) };
    let statement: Option<Statement> = serde_json::from_slice(&bytes).ok();
    match statement.filter(|statement| statement.format == FORMAT) {
        Some(statement) => Ok(Some((statement, bytes))),
        None => Err(Error::new(format!("{name}.age.json is not as pkeys wrote it"))
            .hint("is there a merge conflict in it? restore it from git, or set the secret again")),
    }
}

fn sign(repository: &Repository, statement: &Statement, key: &PrivateKey) -> Result<()> {
    let armored = sign_as(STATEMENT_NAMESPACE, &statement.to_bytes(), key)?;
    files::write(&signature(repository, &statement.name), armored.as_bytes(), files::PUBLIC)
}

fn place(repository: &Repository, name: &SecretName) -> Beneath {
    repository.secrets_directory().join(format!("{name}.age.json"))
}

fn signature(repository: &Repository, name: &SecretName) -> Beneath {
    repository.secrets_directory().join(format!("{name}.age.json.sig"))
}
