//! What the pins say.

use super::Pins;
use crate::base::{HostName, SecretName};
use crate::trust::{Claim, Vouched, Word};

impl Pins {
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

    /// Whether this machine itself rendered the newest bundle of a host, of this generation.
    pub fn has_rendered(&self, host: &HostName, newest: u64) -> bool {
        newest > 0 && self.pinned.hosts.get(host).is_some_and(|seen| seen.rendered >= newest)
    }

    /// Whether a claim about a host was taken back while `newest` was the generation of its newest bundle.
    pub fn has_taken_back(&self, claim: &Claim, newest: u64) -> bool {
        self.pinned.has_taken_back(claim, newest)
    }

    /// The commits up to which git's history was looked at; `None` before the first time.
    pub fn history(&self) -> Option<Vec<String>> {
        self.pinned.history.clone()
    }
}
