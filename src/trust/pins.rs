//! The pin file of a fleet: what was accepted, and which bundles were seen. Outside of every repository.

use super::pinned::{Bundle, FORMAT, Pinned, Vouched};
use super::{Claim, Word};
use crate::base::places::state_directory;
use crate::base::{Error, FleetId, HostName, Result, SecretName, files};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// How many commits are remembered up to which history was looked at: the ends of branches.
const LOOKED_AT: usize = 32;
const MAX_PINS: usize = 256 * 1024 * 1024;

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
        let pinned = pinned.unwrap_or_else(|| Pinned::new(fleet.clone()));
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

    /// Whether a claim was accepted; of one about a host, whether that is so while `newest` is the generation of its newest
    /// known bundle. A newer one decides itself what the host may get.
    pub fn accepts_while(&self, claim: &Claim, newest: u64) -> bool {
        self.pinned.accepts(claim, newest)
    }

    /// Whether a claim about the whole fleet was accepted.
    pub fn accepts(&self, claim: &Claim) -> bool {
        claim.host().is_none() && self.pinned.accepts(claim, 0)
    }

    /// Whether a claim about a host waits for a bundle.
    pub fn is_pending(&self, claim: &Claim) -> bool {
        self.pinned.accepts(claim, 0)
    }

    /// Whether a command of this machine wrote an entry, or its operator accepted the whole repository with it.
    pub fn knows(&self, word: &Word) -> bool {
        self.pinned.words.contains(word)
    }

    /// The public keys of the accepted signers.
    pub fn signers(&self) -> Vec<&str> {
        self.signers_and_names().map(|(_, key)| key).collect()
    }

    /// The public keys that are accepted for the signer of this name.
    pub fn signers_called(&self, name: &str) -> Vec<&str> {
        self.signers_and_names().filter(|(known, _)| *known == name).map(|(_, key)| key).collect()
    }

    fn signers_and_names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pinned.accepted.iter().filter_map(|claim| match claim {
            Claim::Signer { name, key } => Some((name.as_str(), key.as_str())),
            _ => None,
        })
    }

    /// The local values that this machine vouches for.
    pub fn values(&self) -> &[Vouched] {
        &self.pinned.values
    }

    /// The highest counter of a local secret's version that a bundle had, 0 if none had one.
    pub fn counter(&self, name: &SecretName) -> u64 {
        self.pinned.counters.get(name).copied().unwrap_or(0)
    }

    /// Whether nothing was ever accepted on this machine for this fleet.
    pub fn is_empty(&self) -> bool {
        self.pinned.is_empty()
    }

    /// The highest generation of a host that was seen, 0 if none was.
    pub fn generation(&self, host: &HostName) -> u64 {
        self.pinned.hosts.get(host).map_or(0, |seen| seen.generation)
    }

    /// Whether the manifest with this SHA-256 was in a clone on this machine.
    pub fn has_seen(&self, host: &HostName, sha256: &str) -> bool {
        self.pinned.hosts.get(host).is_some_and(|seen| seen.manifests.iter().any(|known| known == sha256))
    }

    /// Pins claims, each with the generation of the newest known bundle of its host, and entries.
    ///
    /// # Errors
    /// If the file cannot be written; then nothing is pinned.
    pub fn accept(&mut self, claims: &[(Claim, u64)], words: &BTreeSet<Word>) -> Result<()> {
        let is_known = |(claim, newest): &(Claim, u64)| self.pinned.accepts(claim, *newest);
        if claims.iter().all(is_known) && words.is_subset(&self.pinned.words) {
            return Ok(());
        }
        self.change(|pinned| {
            claims.iter().for_each(|(claim, newest)| pinned.accept(claim, *newest));
            pinned.words.extend(words.iter().cloned());
        })
    }

    /// Forgets claims and entries: whoever makes one again has to be accepted anew.
    ///
    /// # Errors
    /// If the file cannot be written; then nothing is changed.
    pub fn forget(&mut self, claims: &[Claim], words: &BTreeSet<Word>) -> Result<()> {
        let is_pinned = |claim: &Claim| self.pinned.accepts(claim, 0);
        if !claims.iter().any(is_pinned) && words.is_disjoint(&self.pinned.words) {
            return Ok(());
        }
        self.change(|pinned| {
            claims.iter().for_each(|claim| pinned.forget(claim));
            pinned.words.retain(|word| !words.contains(word));
        })
    }

    /// Forgets the members of the trust set and the entries that are not among these: somebody has removed them.
    ///
    /// # Errors
    /// If the file cannot be written; then nothing is changed.
    pub fn keep(&mut self, claims: &[Claim], words: &BTreeSet<Word>) -> Result<()> {
        let is_kept = |claim: &Claim| !claim.is_of_trust_set() || claims.contains(claim);
        if self.pinned.accepted.iter().all(is_kept) && self.pinned.words.is_subset(words) {
            return Ok(());
        }
        self.change(|pinned| {
            pinned.accepted.retain(is_kept);
            pinned.words.retain(|word| words.contains(word));
        })
    }

    /// Vouches for a local value until it is signed.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn vouch(&mut self, value: Vouched) -> Result<()> {
        self.change(|pinned| pinned.vouch(value))
    }

    /// Removes local values that are signed now.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn signed(&mut self, values: &[(SecretName, String)]) -> Result<()> {
        let is_signed =
            |value: &Vouched| values.iter().any(|(name, sha256)| *name == value.name && *sha256 == value.sha256);
        if !self.pinned.values.iter().any(is_signed) {
            return Ok(());
        }
        self.change(|pinned| pinned.values.retain(|value| !is_signed(value)))
    }

    /// Notes bundles that are in this clone. What they grant needs no pin any more.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn settle(&mut self, bundles: &[Bundle]) -> Result<()> {
        if bundles.iter().all(|bundle| self.pinned.is_settled(bundle)) {
            return Ok(());
        }
        self.change(|pinned| bundles.iter().for_each(|bundle| pinned.settle(bundle)))
    }

    /// Notes which versions of local secrets bundles have.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn note_counters(&mut self, seen: &[(SecretName, u64)]) -> Result<()> {
        if seen.iter().all(|(name, counter)| *counter <= self.counter(name)) {
            return Ok(());
        }
        self.change(|pinned| seen.iter().for_each(|(name, counter)| pinned.count(name, *counter)))
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

    /// The commits up to which git's history was looked at; `None` before the first time.
    pub fn history(&self) -> Option<Vec<String>> {
        self.pinned.history.clone()
    }

    /// Notes that the history of this commit was looked at; of none, that there is no history yet.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn note_history(&mut self, head: Option<String>) -> Result<()> {
        let known = self.pinned.history.as_ref();
        if known.is_some_and(|known| head.as_ref().is_none_or(|head| known.contains(head))) {
            return Ok(());
        }
        self.change(|pinned| {
            let history = pinned.history.get_or_insert_default();
            history.extend(head);
            let surplus = history.len().saturating_sub(LOOKED_AT);
            history.drain(..surplus);
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
