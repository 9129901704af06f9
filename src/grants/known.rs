//! What is known of a host's bundles: the newest that an accepted signer signed, and the highest generation.

use super::accepted::Trusted;
use crate::base::{Error, HostName, Result};
use crate::bundle::{self, Authentic, MANIFEST, MAX_PAYLOAD, Manifest, PAYLOAD, SIGNATURE, Signed, sha256_hex};
use crate::git;
use crate::manifest::Repository;
use crate::trust::Claim;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// No manifest or signature is larger.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// A host's bundles, as far as this clone and this machine know them.
#[derive(Debug)]
pub struct Known {
    /// What is in the work tree.
    pub in_tree: InTree,
    /// The manifest of the highest generation that an accepted signer signed for this fleet and host: of the work tree,
    /// or, where that has none, of git.
    pub accepted: Option<Authentic>,
    /// The highest generation; 0 without a bundle.
    pub highest: u64,
    /// The SHA-256 of the manifest in the work tree, if that is the accepted one.
    pub sha256: Option<String>,
}

/// The bundle in the work tree.
#[derive(Debug)]
pub enum InTree {
    /// No bundle exists.
    Missing,
    /// An accepted signer signed it for this fleet and host, its payload is intact, and it is the newest known.
    Valid,
    /// It is something else. The manifest, if it parses, is not to be trusted.
    Invalid(Option<Box<Manifest>>, Error),
}

impl Known {
    /// As [`Self::of`]; `None` where no signer was accepted.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(super) fn of_accepted(
        repository: &Repository,
        trusted: Option<&Trusted>,
        host: &HostName,
    ) -> Result<Option<Self>> {
        trusted.map(|trusted| Self::of(repository, trusted, host)).transpose()
    }

    /// Looks at the work tree, the pins and, if these do not tell, at git.
    ///
    /// # Errors
    /// If a file cannot be read: what it holds may be the newest.
    pub fn of(repository: &Repository, trusted: &Trusted, host: &HostName) -> Result<Self> {
        let pinned = repository.pins()?.generation(host);
        let directory = repository.bundle(host);
        let without_tree = |in_tree| Self::without_tree(repository, trusted, host, pinned, in_tree);
        let invalid = |manifest: Option<Manifest>, e| without_tree(InTree::Invalid(manifest.map(Box::new), e));
        let signed = match Signed::read(&directory) {
            Ok(signed) => signed,
            Err(e) if e.is_io() => return Err(e),
            Err(e) => return invalid(bundle::unproven(&directory)?, e),
        };
        let Some(signed) = signed else { return without_tree(InTree::Missing) };
        let authentic = match trusted.authenticate(host, &signed) {
            Ok(authentic) => authentic,
            Err(e) => return invalid(Manifest::parse(&signed.manifest).ok(), e),
        };
        let generation = authentic.manifest.generation;
        if generation < pinned {
            let older = Error::new(format!("older than generation {pinned}, which this machine has seen"))
                .hint("`git pull`; if the newer one is lost, render again");
            return invalid(Some(authentic.manifest), older);
        }
        let in_tree = match authentic.payload(&directory) {
            Ok(_) => InTree::Valid,
            Err(e) if e.is_io() => return Err(e),
            Err(e) => InTree::Invalid(Some(Box::new(authentic.manifest.clone())), e),
        };
        let sha256 = Some(sha256_hex(&signed.manifest));
        Ok(Self { in_tree, accepted: Some(authentic), highest: generation, sha256 })
    }

    fn without_tree(
        repository: &Repository,
        trusted: &Trusted,
        host: &HostName,
        pinned: u64,
        in_tree: InTree,
    ) -> Result<Self> {
        let mut newest = newest_in_history(repository, trusted, host)?;
        if pinned > newest.as_ref().map_or(0, |newest| newest.manifest.generation) {
            // The one that was seen may wait on another branch.
            newest = newest_of_states(repository, trusted, host, true)?;
        }
        let found = newest.as_ref().map_or(0, |newest| newest.manifest.generation);
        // One that is older than what was seen may grant what was taken back since.
        Ok(Self { in_tree, accepted: newest.filter(|_| found >= pinned), highest: found.max(pinned), sha256: None })
    }

    /// The claims that the accepted manifest has granted.
    pub fn granted(&self) -> BTreeSet<Claim> {
        self.accepted.as_ref().map(|accepted| grants(&accepted.manifest)).unwrap_or_default()
    }

    /// The manifest in the work tree, valid or not: for its number and what it says of itself.
    pub fn manifest_in_tree(&self) -> Option<&Manifest> {
        match &self.in_tree {
            InTree::Missing => None,
            InTree::Valid => self.accepted.as_ref().map(|accepted| &accepted.manifest),
            InTree::Invalid(manifest, _) => manifest.as_deref(),
        }
    }
}

/// What a manifest grants to its host. Break-glass recipients are accepted for the whole fleet, or not at all.
pub(super) fn grants(manifest: &Manifest) -> BTreeSet<Claim> {
    let host = &manifest.host;
    let own = manifest.recipients.iter().filter(|recipient| !manifest.break_glass.contains(recipient));
    let recipients = own.map(|recipient| Claim::Recipient { host: host.clone(), recipient: recipient.clone() });
    let secrets = manifest.secrets.iter().map(|secret| Claim::Secret {
        host: host.clone(),
        name: secret.name.clone(),
        reference: secret.reference.clone(),
        source: secret.source.clone(),
    });
    let keys = manifest.authorized_keys.iter().flat_map(|(user, lines)| {
        lines.iter().map(|line| Claim::Key { host: host.clone(), user: user.clone(), line: line.clone() })
    });
    recipients.chain(secrets).chain(keys).collect()
}

/// The highest generation of a host that is known; without an accepted signer, that of the pins.
///
/// # Errors
/// If the pins cannot be read.
pub(super) fn newest_of(repository: &Repository, host: &HostName, known: Option<&Known>) -> Result<u64> {
    known.map_or_else(|| Ok(repository.pins()?.generation(host)), |known| Ok(known.highest))
}

/// The manifest of the highest generation in git's history that an accepted signer signed for this fleet and host.
///
/// # Errors
/// If git cannot be read.
pub fn newest_in_history(repository: &Repository, trusted: &Trusted, host: &HostName) -> Result<Option<Authentic>> {
    newest_of_states(repository, trusted, host, false)
}

fn newest_of_states(
    repository: &Repository,
    trusted: &Trusted,
    host: &HostName,
    branches: bool,
) -> Result<Option<Authentic>> {
    let mut newest: Option<Authentic> = None;
    let names = [MANIFEST, SIGNATURE];
    git::visit_states(repository.root(), &below(host), &names, MAX_FILE, branches, &mut |mut files| {
        if let (Some(manifest), Some(signature)) = (files.remove(MANIFEST), files.remove(SIGNATURE))
            && let Ok(found) = trusted.authenticate(host, &Signed { manifest, signature })
            && newest.as_ref().is_none_or(|newest| newest.manifest.generation < found.manifest.generation)
        {
            newest = Some(found);
        }
        ControlFlow::Continue(())
    })?;
    Ok(newest)
}

/// The payload of an accepted manifest: of the work tree or, where that has another, of git's history.
///
/// # Errors
/// If neither has it.
pub fn payload(repository: &Repository, accepted: &Authentic) -> Result<Vec<u8>> {
    let host = &accepted.manifest.host;
    let error = match accepted.payload(&repository.bundle(host)) {
        Ok(payload) => return Ok(payload),
        Err(e) => e,
    };
    let mut found = None;
    git::visit_states(repository.root(), &below(host), &[PAYLOAD], MAX_PAYLOAD as u64, true, &mut |mut files| {
        found = files.remove(PAYLOAD).filter(|payload| accepted.check(payload).is_ok());
        if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    found.ok_or(error)
}

/// Whether this clone's history has a manifest with this SHA-256, or had it on this machine.
///
/// # Errors
/// If the work tree or git cannot be read.
pub fn has_in_history(repository: &Repository, host: &HostName, sha256: &str) -> Result<bool> {
    if repository.pins()?.has_seen(host, sha256) {
        return Ok(true);
    }
    let is_it = |manifest: &[u8]| sha256_hex(manifest) == sha256;
    if Signed::read(&repository.bundle(host))?.is_some_and(|signed| is_it(&signed.manifest)) {
        return Ok(true);
    }
    git::visit_states(repository.root(), &below(host), &[MANIFEST], MAX_FILE, false, &mut |files| {
        if files.get(MANIFEST).is_some_and(|manifest| is_it(manifest)) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
}

fn below(host: &HostName) -> PathBuf {
    Path::new("bundles").join(host)
}
