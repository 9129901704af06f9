//! `break-glass/escrow.age`: written anew when what belongs into it has changed.

use crate::base::{Error, FleetId, Result, SecretBytes, SecretName, files};
use crate::bundle::{self, Payload, Recipient, sha256_hex};
use crate::escrow::{contents, file, signature};
use crate::grants::{self, Trusted};
use crate::keys::KEYS_FILE;
use crate::manifest::{MANIFEST_FILE, Origin, Repository};
use crate::operator::Keys;
use crate::render::Sources;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The encrypted file, and what is public of it.
pub const ESCROW: &str = "escrow.age";
pub(super) const PUBLIC: &str = "escrow.json";
const FORMAT: &str = "pkeys-escrow/2";
pub(super) const MAX_PUBLIC: usize = 16 * 1024 * 1024;
/// Files of the repository that are in the escrow too.
const COPIES: [&str; 2] = [MANIFEST_FILE, KEYS_FILE];

/// What is public of the escrow: names and versions, never a hash of a plaintext that is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escrow {
    /// Always `pkeys-escrow/2`. The first format named no fleet and had no signature: it is written anew.
    pub format: String,
    /// Whose it is.
    pub fleet: FleetId,
    /// What `escrow.age` must be.
    pub payload: Payload,
    /// Who can open it.
    pub recipients: Vec<String>,
    /// Each private key inside: where it came from, and its source's version.
    pub keys: BTreeMap<SecretName, (String, String)>,
    /// The SHA-256 of the public files inside.
    pub files: BTreeMap<String, String>,
}

/// What became of the escrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// There is no break-glass recipient.
    Nobody,
    /// It is what it should be.
    Unchanged,
    /// It was written.
    Written,
}

impl Escrow {
    /// Reads what is there; `None` if it does not exist.
    ///
    /// # Errors
    /// When the file is not what pkeys writes.
    pub fn read(repository: &Repository) -> Result<Option<Self>> {
        let path = file(repository, PUBLIC);
        let Some(bytes) = files::read(&path, MAX_PUBLIC)? else { return Ok(None) };
        let broken = || {
            Error::new(format!("{} is not as pkeys wrote it", path.display()))
                .hint("`pkeys break-glass escrow` writes it anew")
        };
        Self::parse(&bytes).map(Some).ok_or_else(broken)
    }

    /// From the bytes of the file; `None` if they are not what pkeys writes.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|escrow: &Self| escrow.format == FORMAT)
    }
}

/// The copies of public files that belong into it.
pub(super) fn copies(repository: &Repository) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut copies = BTreeMap::new();
    for name in COPIES {
        if let Some(bytes) = files::read(&repository.file(name), bundle::MAX_PAYLOAD)? {
            copies.insert((*name).to_owned(), bytes);
        }
    }
    Ok(copies)
}

/// The digests of such copies.
pub(super) fn digests(copies: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    copies.iter().map(|(name, bytes)| (name.clone(), sha256_hex(bytes))).collect()
}

/// The break-glass recipients of `pkeys.toml`, sorted.
pub(super) fn recipients(repository: &Repository) -> Result<Vec<Recipient>> {
    let all = &repository.manifest().break_glass.recipients;
    Ok(all.iter().map(|key| key.parse()).collect::<Result<BTreeSet<_>>>()?.into_iter().collect())
}

/// Writes and signs the escrow if it is not what it should be, or no accepted signer signed it. The repository is locked.
///
/// # Errors
/// If a key cannot be read, nobody has accepted a recipient, or the signing key cannot be opened; then the previous escrow
/// stays.
pub fn refresh(repository: &Repository, sources: &Sources, keys: &Keys) -> Result<Refreshed> {
    let recipients = recipients(repository)?;
    if recipients.is_empty() {
        return Ok(Refreshed::Nobody);
    }
    grants::require_break_glass(repository)?;
    let wanted = contents::private_keys(repository)?;
    let origins: BTreeSet<Origin> = wanted.values().cloned().collect();
    let versions = sources.versions(&origins);
    let copies = copies(repository)?;
    let mut escrow = Escrow {
        format: FORMAT.into(),
        fleet: repository.fleet()?.clone(),
        payload: Payload::of(&[]),
        recipients: recipients.iter().map(|recipient| recipient.id().to_owned()).collect(),
        keys: BTreeMap::new(),
        files: digests(&copies),
    };
    for (name, origin) in &wanted {
        let version = versions[origin].clone().map_err(|e| e.context(name))?;
        escrow.keys.insert(name.clone(), (origin.reference.to_string(), version.0));
    }
    // A public half that cannot be read is written anew.
    if let Ok(Some(there)) = Escrow::read(repository) {
        escrow.payload = there.payload.clone();
        let sealed = files::read(&file(repository, ESCROW), bundle::MAX_PAYLOAD)?.unwrap_or_default();
        let signers = &Trusted::of(repository)?.signers;
        if there == escrow && signature::verify(repository, signers, &sealed).is_ok() {
            return Ok(Refreshed::Unchanged);
        }
    }
    let key = signature::key(repository, keys)?;
    let values = sources.read(&origins);
    let mut contents: BTreeMap<SecretName, SecretBytes> = BTreeMap::new();
    for (name, origin) in &wanted {
        let value = values[origin].as_ref().map_err(|e| e.clone().context(name))?;
        contents.insert(name.clone(), SecretBytes::copy_of(value.bytes.expose()));
        escrow.keys.insert(name.clone(), (origin.reference.to_string(), value.version.0.clone()));
    }
    for (name, bytes) in copies {
        contents.insert(SecretName::new(name)?, SecretBytes::new(bytes));
    }
    let tar = bundle::pack(contents.iter().map(|(name, bytes)| (name, bytes.expose())))?;
    let sealed = bundle::encrypt(&tar, &recipients, keys.callbacks())?;
    escrow.payload = Payload::of(&sealed);
    write(repository, ESCROW, &sealed)?;
    let mut public = serde_json::to_vec_pretty(&escrow).map_err(|_| Error::new("the escrow cannot be described"))?;
    public.push(b'\n');
    write(repository, PUBLIC, &public)?;
    signature::sign(repository, &public, key)?;
    Ok(Refreshed::Written)
}

/// Writes a file of break-glass whole.
pub(super) fn write(repository: &Repository, name: &str, bytes: &[u8]) -> Result<()> {
    files::make_directories(&file(repository, ""))?;
    files::write(&file(repository, name), bytes, files::PUBLIC)
}
