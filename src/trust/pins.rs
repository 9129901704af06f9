//! The pin file of a fleet: what was accepted, and which bundles were seen. Outside of every repository.

use super::Claim;
use super::claim::HOST_PREFIX;
use crate::base::places::state_directory;
use crate::base::{Error, FleetId, HostName, Result, SecretName, files};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const FORMAT: &str = "pkeys-pins/1";
/// What the pins of signers start with.
const SIGNER: &str = "signer ";
/// What stands before the pin of a signer that `pkeys.toml` no longer names.
const FORMER: &str = "former ";
const MAX_PINS: usize = 256 * 1024 * 1024;
/// How many manifests of a host are remembered: more than a rotation renders without a commit.
const REMEMBERED: usize = 32;

/// Where pins are.
#[derive(Clone, Debug)]
pub enum PinsPlace {
    /// In a state directory, a file for each fleet.
    State(PathBuf),
    /// In this file, which is only read: for a CI job (`PKEYS_PINS`).
    File(PathBuf),
}

impl PinsPlace {
    /// `PKEYS_PINS` if it is set, else the operator's state directory.
    ///
    /// # Errors
    /// If there is no state directory.
    pub fn from_environment() -> Result<Self> {
        match std::env::var_os("PKEYS_PINS").filter(|path| !path.is_empty()) {
            Some(path) => Ok(Self::File(path.into())),
            None => state_directory().map(Self::State),
        }
    }

    fn path(&self, fleet: &FleetId) -> PathBuf {
        match self {
            Self::State(directory) => directory.join("fleets").join(format!("{fleet}.json")),
            Self::File(path) => path.clone(),
        }
    }
}

/// What the operator of this machine accepted for one fleet.
#[derive(Debug)]
pub struct Pins {
    place: PinsPlace,
    pinned: Pinned,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Pinned {
    format: String,
    fleet: FleetId,
    accepted: BTreeSet<String>,
    hosts: BTreeMap<HostName, Seen>,
}

/// What is known of a host's bundles that an accepted signer signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    /// The highest generation.
    generation: u64,
    /// The SHA-256 of manifests that were in a clone on this machine, the newest last.
    manifests: Vec<String>,
}

impl Pins {
    /// Reads the pins of a fleet; without a file, nothing is pinned.
    ///
    /// # Errors
    /// If the file is inside `repository`, is damaged, or cannot be read.
    pub fn load(place: PinsPlace, fleet: &FleetId, repository: &Path) -> Result<Self> {
        let path = place.path(fleet);
        if is_inside(&path, repository) {
            return Err(Error::new(format!("the pins at {} are inside the repository", path.display()))
                .hint("whoever can commit could write them: set PKEYS_PINS or PKEYS_STATE_DIR to a place outside"));
        }
        let pinned = read(&path)?;
        if pinned.is_none() && matches!(place, PinsPlace::File(_)) {
            return Err(Error::new(format!("no pins at {}", path.display()))
                .hint("write them where you trust the repository: `pkeys trust export > pins.json`"));
        }
        let pinned = pinned.unwrap_or_else(|| Pinned {
            format: FORMAT.into(),
            fleet: fleet.clone(),
            accepted: BTreeSet::new(),
            hosts: BTreeMap::new(),
        });
        if pinned.fleet != *fleet {
            return Err(Error::new(format!("the pins at {} are of another fleet", path.display()))
                .hint("is this the repository that they were made for?"));
        }
        Ok(Self { place, pinned })
    }

    /// Removes what a killed pkeys has left beside the pin file of a fleet. Best effort: it does no harm.
    pub fn sweep(place: &PinsPlace, fleet: &FleetId) {
        if let PinsPlace::State(_) = place {
            let _ = files::claim(&place.path(fleet));
        }
    }

    /// Whether a claim was accepted.
    pub fn accepts(&self, claim: &Claim) -> bool {
        self.pinned.accepted.contains(&claim.pin())
    }

    /// The public keys of all signers that were ever accepted, also of those that `pkeys.toml` no longer names.
    pub fn signers(&self) -> Vec<&str> {
        let signers = self
            .pinned
            .accepted
            .iter()
            .filter_map(|line| line.strip_prefix(FORMER).unwrap_or(line).strip_prefix(SIGNER)?.split_once(' '));
        signers.map(|(_, key)| key).collect()
    }

    /// The local values that this machine vouches for: the name of each, and the SHA-256 of its ciphertext.
    pub fn local_values(&self) -> Vec<(SecretName, String)> {
        let lines = self.pinned.accepted.iter().filter_map(|line| line.strip_prefix("local ")?.split_once(' '));
        lines.filter_map(|(name, sha256)| Some((SecretName::new(name).ok()?, sha256.to_owned()))).collect()
    }

    /// The public keys that are accepted for the signer of this name. Former ones are not among them.
    pub fn signers_called(&self, name: &str) -> Vec<&str> {
        let signers = self.pinned.accepted.iter().filter_map(|line| line.strip_prefix(SIGNER)?.split_once(' '));
        signers.filter(|(known, _)| *known == name).map(|(_, key)| key).collect()
    }

    /// Whether nothing was ever accepted on this machine for this fleet.
    pub fn is_empty(&self) -> bool {
        self.pinned.accepted.is_empty() && self.pinned.hosts.is_empty()
    }

    /// The highest generation of a host that was seen, 0 if none was.
    pub fn generation(&self, host: &HostName) -> u64 {
        self.pinned.hosts.get(host).map_or(0, |seen| seen.generation)
    }

    /// Whether the manifest with this SHA-256 was in a clone on this machine.
    pub fn has_seen(&self, host: &HostName, sha256: &str) -> bool {
        self.pinned.hosts.get(host).is_some_and(|seen| seen.manifests.iter().any(|known| known == sha256))
    }

    /// Pins claims.
    ///
    /// # Errors
    /// If the file cannot be written; then nothing is pinned.
    pub fn accept<'a>(&mut self, claims: impl IntoIterator<Item = &'a Claim>) -> Result<()> {
        let new: Vec<_> = claims.into_iter().map(Claim::pin).collect();
        if new.iter().all(|line| self.pinned.accepted.contains(line)) {
            return Ok(());
        }
        self.change(|pinned| pinned.accepted.extend(new))
    }

    /// Forgets claims: whoever makes one again has to be accepted anew. A signer that is forgotten stays known as a former
    /// one, for the secrets that it signed.
    ///
    /// # Errors
    /// If the file cannot be written; then nothing is changed.
    pub fn forget(&mut self, claims: &[Claim]) -> Result<()> {
        let gone: Vec<_> = claims.iter().map(Claim::pin).collect();
        if !gone.iter().any(|line| self.pinned.accepted.contains(line)) {
            return Ok(());
        }
        self.change(|pinned| pinned.forget(&gone))
    }

    /// Forgets the members of the trust set that are not among these claims: somebody has removed them by hand.
    ///
    /// # Errors
    /// If the file cannot be written; then nothing is changed.
    pub fn forget_others(&mut self, claims: &[Claim]) -> Result<()> {
        let claimed: BTreeSet<_> = claims.iter().map(Claim::pin).collect();
        let is_member =
            |line: &&String| [SIGNER, "operator ", "break-glass "].iter().any(|kind| line.starts_with(kind));
        let gone: Vec<_> =
            self.pinned.accepted.iter().filter(is_member).filter(|line| !claimed.contains(*line)).cloned().collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.change(|pinned| pinned.forget(&gone))
    }

    /// Notes which bundles were seen or rendered in this clone, and removes claims that a signed file has made unnecessary:
    /// all about the hosts whose bundle is up to date, and those named.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn settle<'a>(
        &mut self,
        bundles: &[(HostName, u64, String)],
        up_to_date: &BTreeSet<HostName>,
        signed: impl IntoIterator<Item = &'a Claim>,
    ) -> Result<()> {
        let signed: BTreeSet<_> = signed.into_iter().map(Claim::pin).collect();
        let stale = |line: &String| {
            let host = line.strip_prefix(HOST_PREFIX).and_then(|rest| rest.split_once(' '));
            host.is_some_and(|(host, _)| up_to_date.contains(host)) || signed.contains(line)
        };
        let seen = |(host, generation, sha256): &(HostName, u64, String)| {
            self.generation(host) >= *generation && self.has_seen(host, sha256)
        };
        if bundles.iter().all(seen) && !self.pinned.accepted.iter().any(stale) {
            return Ok(());
        }
        self.change(|pinned| {
            pinned.accepted.retain(|line| !stale(line));
            for (host, generation, sha256) in bundles {
                pinned.hosts.entry(host.clone()).or_default().note(*generation, Some(sha256));
            }
        })
    }

    /// Notes the generation of a bundle that a host has.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn note_generations(&mut self, seen: &[(HostName, u64)]) -> Result<()> {
        let newer: Vec<_> = seen.iter().filter(|(host, generation)| self.generation(host) < *generation).collect();
        if newer.is_empty() {
            return Ok(());
        }
        self.change(|pinned| {
            for (host, generation) in newer {
                pinned.hosts.entry(host.clone()).or_default().note(*generation, None);
            }
        })
    }

    /// The text of the pin file: for another place.
    pub fn export(&self) -> Vec<u8> {
        to_bytes(&self.pinned)
    }

    /// Changes what is in the file now, which another pkeys may have written meanwhile.
    fn change(&mut self, change: impl FnOnce(&mut Pinned)) -> Result<()> {
        let PinsPlace::State(directory) = &self.place else {
            change(&mut self.pinned);
            return Ok(());
        };
        files::make_private_directories(&directory.join("fleets"))?;
        let path = self.place.path(&self.pinned.fleet);
        let _lock = files::claim(&path)?;
        if let Some(now) = read(&path)?.filter(|now| now.fleet == self.pinned.fleet) {
            self.pinned = now;
        }
        change(&mut self.pinned);
        files::write(&path, &to_bytes(&self.pinned), files::PRIVATE)
    }
}

impl Pinned {
    fn forget(&mut self, gone: &[String]) {
        for line in gone {
            let was_accepted = self.accepted.remove(line);
            if was_accepted && line.starts_with(SIGNER) {
                self.accepted.insert(format!("{FORMER}{line}"));
            }
        }
    }
}

impl Seen {
    fn note(&mut self, generation: u64, sha256: Option<&String>) {
        self.generation = self.generation.max(generation);
        if let Some(sha256) = sha256.filter(|sha256| !self.manifests.contains(sha256)) {
            self.manifests.push(sha256.clone());
            let surplus = self.manifests.len().saturating_sub(REMEMBERED);
            self.manifests.drain(..surplus);
        }
    }
}

fn read(path: &Path) -> Result<Option<Pinned>> {
    let Some(bytes) = files::read(path, MAX_PINS)? else { return Ok(None) };
    let damaged = || {
        Error::new(format!("the pins at {} are damaged", path.display()))
            .hint("restore the file, or remove it and accept the trust set again: `pkeys trust accept`")
    };
    let pinned: Pinned = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
    if pinned.format == FORMAT { Ok(Some(pinned)) } else { Err(damaged()) }
}

fn to_bytes(pinned: &Pinned) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(pinned).expect("pins have only names and numbers");
    bytes.push(b'\n');
    bytes
}

/// Whether a path, or what its directory links to, is below the repository.
fn is_inside(path: &Path, repository: &Path) -> bool {
    let Ok(repository) = repository.canonicalize() else { return false };
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let real = path.ancestors().find_map(|above| above.canonicalize().ok());
    path.starts_with(&repository) || real.is_some_and(|real| real.starts_with(&repository))
}
