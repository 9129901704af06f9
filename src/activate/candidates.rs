//! Which bundle counts: the highest generation that verifies and decrypts.

use crate::activate::{Spec, root::Root};
use crate::base::{Error, Result};
use crate::bundle::{AnyPlugin, Authentic, Identity, Manifest, OpenBundle, Signed, Signers, identity, open};
use std::cmp::Reverse;
use std::path::{Path, PathBuf};

/// What the candidates came to.
#[derive(Default)]
pub(super) struct Choice {
    /// The bundle to install: where it is, its generation, its secrets.
    pub best: Option<(PathBuf, u64, OpenBundle)>,
    /// The highest manifest that a trusted signer signed for this host, also when its secrets cannot be had.
    pub authentic: Option<Manifest>,
    /// Why the others do not count: one line each.
    pub rejected: Vec<String>,
}

/// Looks at all candidates of a spec. The public halves first: they prove themselves without the encrypted ones.
pub(super) fn choose(spec: &Spec, root: &Root, more: &[Identity]) -> Choice {
    let mut choice = Choice::default();
    let candidates = Candidates::look(spec, root);
    choice.rejected = candidates.rejected;
    let mut identities = None;
    for (directory, found) in &candidates.authentic {
        let identities = identities.get_or_insert_with(|| load(spec, root));
        let payload = found.payload(&root.path(directory));
        let opened = payload.and_then(|payload| {
            open_with(&payload, found, identities).or_else(|e| match more {
                [] => Err(e),
                more => open(&payload, &found.manifest, more),
            })
        });
        match opened {
            Ok(secrets) => {
                choice.best = Some(((*directory).clone(), found.manifest.generation, secrets));
                break;
            }
            Err(e) => choice.rejected.push(format!("{}: {}", directory.display(), e.one_line())),
        }
    }
    choice.authentic = candidates.authentic.into_iter().next().map(|(_, found)| found.manifest);
    choice
}

/// The bundles of a spec, by their public halves.
#[derive(Default)]
pub(super) struct Candidates<'a> {
    /// Those that a trusted signer signed for this host, the highest generation first.
    pub authentic: Vec<(&'a PathBuf, Authentic)>,
    /// Why the others do not count: one line each.
    pub rejected: Vec<String>,
    /// Why one that is there could not be read: it may be newer than all that could.
    pub unreadable: Option<Error>,
}

impl<'a> Candidates<'a> {
    /// Reads and authenticates them all.
    pub(super) fn look(spec: &'a Spec, root: &Root) -> Self {
        let (mut found, mut absent) = (Self::default(), Vec::new());
        for directory in &spec.bundles {
            match authenticate(spec, &root.path(directory)) {
                Ok(Some(authentic)) => found.authentic.push((directory, authentic)),
                Ok(None) => absent.push(format!("{}: there is no bundle", directory.display())),
                Err(e) => {
                    found.rejected.push(format!("{}: {}", directory.display(), e.one_line()));
                    found.unreadable = found.unreadable.or_else(|| Some(e).filter(Error::is_io));
                }
            }
        }
        // That nothing was pushed yet is worth a line only where nothing else is there.
        if found.authentic.is_empty() {
            found.rejected.extend(absent);
        }
        // Of two of the same generation, the one named first.
        found.authentic.sort_by_key(|(_, authentic)| Reverse(authentic.manifest.generation));
        found
    }
}

fn authenticate(spec: &Spec, directory: &Path) -> Result<Option<Authentic>> {
    let signers = Signers::parse(&spec.trusted_signers)?;
    Signed::read(directory)?.map(|signed| signed.authenticate(&spec.host, &signers)).transpose()
}

/// The identities that are there, and why the others are not.
pub(super) fn load(spec: &Spec, root: &Root) -> (Vec<Identity>, Vec<Error>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for path in &spec.identities {
        match identity::load(&root.path(path), AnyPlugin) {
            Ok(keys) => found.extend(keys),
            Err(e) => missing.push(e),
        }
    }
    (found, missing)
}

/// Opens a bundle with the identities that are there; says which were not.
pub(super) fn open_with(
    payload: &[u8],
    found: &Authentic,
    (identities, missing): &(Vec<Identity>, Vec<Error>),
) -> Result<OpenBundle> {
    open(payload, &found.manifest, identities).map_err(|e| {
        let missing: Vec<_> = missing.iter().map(Error::message).collect();
        if missing.is_empty() { e } else { Error::new(format!("{e} ({})", missing.join("; "))) }
    })
}
