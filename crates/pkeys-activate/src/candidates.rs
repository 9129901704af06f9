//! Which bundle to install: of those of the host's fleet the highest generation that verifies and decrypts.

use crate::{Spec, fleet::Memory, root::Root};
use pkeys_bundle::base::{Error, FleetId, Result};
use pkeys_bundle::{
    AnyPlugin, Authentic, FORMAT_1, Identity, Manifest, OpenBundle, Signed, Signers, identity, open, sha256_hex,
};
use std::cmp::Reverse;
use std::path::{Path, PathBuf};

/// How often a bundle is read again that was replaced meanwhile.
const LOOKS: usize = 5;

/// The result of looking at all candidates.
#[derive(Default)]
pub(super) struct Choice {
    /// The bundle to install: its directory, its generation, its secrets.
    pub best: Option<(PathBuf, u64, OpenBundle)>,
    /// The best manifest that a trusted signer signed for this host, even if its secrets cannot be decrypted.
    pub authentic: Option<Manifest>,
    /// The SHA-256 of that manifest.
    pub digest: String,
    /// Why the others were rejected: one line each.
    pub rejected: Vec<String>,
    /// Warnings: one line each.
    pub notes: Vec<String>,
}

/// Looks at all candidates of a spec. The public halves first: they prove themselves without the encrypted ones.
pub(super) fn choose(spec: &Spec, root: &Root, more: &[Identity]) -> Choice {
    let candidates = Candidates::look(spec, root);
    let mut choice = Choice { notes: candidates.warnings(), rejected: candidates.rejected, ..Choice::default() };
    let mut identities = None;
    for candidate in &candidates.authentic {
        let (directory, found) = (candidate.directory, &candidate.authentic);
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
                choice.best = Some((directory.clone(), found.manifest.generation, secrets));
                break;
            }
            Err(e) => choice.rejected.push(format!("{}: {}", directory.display(), e.one_line())),
        }
    }
    if let Some(best) = candidates.authentic.into_iter().next() {
        choice.digest = sha256_hex(&best.signed.manifest);
        choice.authentic = Some(best.authentic.manifest);
    }
    choice
}

/// A bundle whose public half a trusted signer signed for this host and its fleet.
pub(super) struct Candidate<'a> {
    /// Where it is.
    pub directory: &'a PathBuf,
    /// Its manifest and signature, as they are there.
    pub signed: Signed,
    /// What they say.
    pub authentic: Authentic,
}

/// The bundles of a spec, by their public halves.
#[derive(Default)]
pub(super) struct Candidates<'a> {
    /// Those that may be installed, the best first: format 2 before format 1, then the highest generation.
    pub authentic: Vec<Candidate<'a>>,
    /// Why the others were rejected: one line each.
    pub rejected: Vec<String>,
    /// Why one that is there could not be read: it may be newer than all that could.
    pub unreadable: Option<Error>,
    /// The fleet that the host belongs to. See [`Self::fleet_of`].
    pub fleet: Option<FleetId>,
    /// What was installed before.
    memory: Memory,
}

impl<'a> Candidates<'a> {
    /// Reads and authenticates them all.
    pub(super) fn look(spec: &'a Spec, root: &Root) -> Self {
        let mut found = Self { memory: Memory::read(root, spec), ..Self::default() };
        let (mut signed, mut absent) = (Vec::new(), Vec::new());
        for directory in &spec.bundles {
            match authenticate(spec, directory, root) {
                Ok(Some(candidate)) => signed.push(candidate),
                Ok(None) => absent.push(format!("{}: there is no bundle", directory.display())),
                Err(e) => found.reject(directory, e),
            }
        }
        found.fleet = found.fleet_of(spec, &signed);
        for candidate in signed {
            let own = (*candidate.directory != spec.pushed()).then(|| sha256_hex(&candidate.signed.manifest));
            match found.check(&candidate.authentic, own) {
                Ok(()) => found.authentic.push(candidate),
                Err(e) => found.reject(candidate.directory, e),
            }
        }
        // That nothing was pushed yet is worth a line only where nothing else is there.
        if found.authentic.is_empty() {
            found.rejected.extend(absent);
        }
        // Of two of the same rank, the one named first.
        found.authentic.sort_by_key(|candidate| rank(&candidate.authentic.manifest));
        found
    }

    /// The fleet that the spec names; else that of the system's own bundle, as the NixOS module does it; else that of the
    /// last bundle that was installed. Never that of a bundle that was only pushed.
    fn fleet_of(&self, spec: &Spec, signed: &[Candidate]) -> Option<FleetId> {
        let pushed = spec.pushed();
        let own = signed.iter().filter(|candidate| *candidate.directory != pushed).map(|one| &one.authentic.manifest);
        let own = own.filter(|manifest| manifest.fleet.is_some()).max_by_key(|manifest| manifest.generation);
        let named = spec.fleet.clone().or_else(|| own.and_then(|manifest| manifest.fleet.clone()));
        named.or_else(|| self.memory.fleet.clone())
    }

    /// Checks that a bundle is of this host's fleet. One of format 1 is accepted only until the first of format 2 was
    /// installed; later only if it is the `own` bundle of the system, given by the SHA-256 of its manifest, and was
    /// installed before: a NixOS rollback.
    ///
    /// # Errors
    /// Says what the host would need.
    pub(super) fn check(&self, found: &Authentic, own: Option<String>) -> Result<()> {
        let known = || own.is_some_and(|digest| self.memory.format1.contains(&digest));
        match (&self.fleet, &found.manifest.fleet) {
            (Some(fleet), Some(_)) => found.check_fleet(fleet),
            (None, Some(fleet)) => Err(Error::new(format!("it is of the fleet {fleet}, and this host names none"))
                .hint("set `pkeys.fleet`, or `fleet` of the spec, to the `fleet` of pkeys.toml, and switch the host")),
            (Some(fleet), None) if self.memory.fleet.as_ref() == Some(fleet) && !known() => Err(format_1_is_over()),
            (_, None) => Ok(()),
        }
    }

    /// What to say of the best one.
    pub(super) fn warnings(&self) -> Vec<String> {
        let Some(best) = self.authentic.first() else { return Vec::new() };
        let mut warnings = Vec::new();
        if self.fleet.is_some() && best.authentic.manifest.fleet.is_none() {
            let place = best.directory.display();
            warnings.push(format!("{place}: it is of format {FORMAT_1} and names no fleet; render it again"));
        }
        if let (Some(before), Some(now)) = (&self.memory.fleet, &best.authentic.manifest.fleet)
            && before != now
        {
            warnings.push(format!("this host's fleet is {now}; it was {before}"));
        }
        warnings
    }

    fn reject(&mut self, directory: &Path, error: Error) {
        self.rejected.push(format!("{}: {}", directory.display(), error.one_line()));
        self.unreadable = self.unreadable.take().or_else(|| Some(error).filter(Error::is_io));
    }
}

/// That a bundle names no fleet, on a host that had one that does.
pub(super) fn format_1_is_over() -> Error {
    Error::new(format!("it is of format {FORMAT_1}, and this host has had a bundle that names its fleet"))
        .hint("render it again with a pkeys that writes format 2")
}

/// The best first.
fn rank(manifest: &Manifest) -> (bool, Reverse<u64>) {
    (manifest.fleet.is_none(), Reverse(manifest.generation))
}

fn authenticate<'a>(spec: &Spec, directory: &'a PathBuf, root: &Root) -> Result<Option<Candidate<'a>>> {
    let signers = Signers::parse(&spec.trusted_signers)?;
    let Some(signed) = read(&root.path(directory))? else { return Ok(None) };
    let authentic = signed.authenticate(&spec.host, spec.fleet.as_ref(), &signers)?;
    Ok(Some(Candidate { directory, signed, authentic }))
}

/// Reads a bundle's public half, all of it from one directory: a report takes no lock, and a push puts a new directory
/// in the place of the old one.
fn read(directory: &Path) -> Result<Option<Signed>> {
    let place = || rustix::fs::stat(directory).map(|stat| (stat.st_dev, stat.st_ino)).ok();
    for _ in 1..LOOKS {
        let before = place();
        let signed = Signed::read(directory);
        if place() == before {
            return signed;
        }
    }
    Signed::read(directory)
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
