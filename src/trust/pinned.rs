//! What a pin file holds, and how it changes.

use super::{Claim, Word};
use crate::base::{FleetId, HostName, SecretName};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const FORMAT: &str = "pkeys-pins/1";
/// How many manifests of a host are remembered: more than a rotation renders without a commit.
const REMEMBERED: usize = 32;
/// How many unsigned values of one secret are remembered: those of branches that were not merged yet.
const UNSIGNED: usize = 8;

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pinned {
    pub format: String,
    pub fleet: FleetId,
    /// Claims about the whole fleet.
    pub accepted: BTreeSet<Claim>,
    /// What this machine's commands wrote.
    pub words: BTreeSet<Word>,
    /// Values of local secrets that wait for a signature.
    pub values: Vec<Vouched>,
    /// The highest counter of each local secret's version that a bundle had.
    pub counters: BTreeMap<SecretName, u64>,
    pub hosts: BTreeMap<HostName, Seen>,
    /// The commits up to which git's history was looked at; nothing before the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<String>>,
}

/// A local value that this machine has written or accepted, and nobody has signed yet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Vouched {
    /// The secret.
    pub name: SecretName,
    /// The SHA-256 of its age file, in hexadecimal.
    pub sha256: String,
    /// The version of its value.
    pub version: String,
    /// To whom this machine encrypted it; empty if somebody else did.
    pub recipients: Vec<String>,
}

/// A bundle that an accepted signer signed.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The host.
    pub host: HostName,
    /// The highest generation of this host that was known before this bundle was rendered or found.
    pub before: u64,
    /// Its generation.
    pub generation: u64,
    /// The SHA-256 of its manifest.
    pub sha256: String,
    /// Whether this machine has just rendered it.
    pub rendered: bool,
    /// The accepted claims that it grants.
    pub granted: BTreeSet<Claim>,
    /// The versions of the local secrets in it that have a counter.
    pub counters: Vec<(SecretName, u64)>,
}

/// What is known of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// The highest generation.
    pub generation: u64,
    /// The SHA-256 of manifests that were in a clone on this machine, the newest last.
    pub manifests: Vec<String>,
    /// Accepted, and not in a bundle yet.
    #[serde(default, skip_serializing_if = "Pending::is_empty")]
    pub pending: Pending,
    /// The generation that this machine rendered last.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rendered: u64,
    /// What a command of this machine took back, and the newest bundle may still grant.
    #[serde(default, skip_serializing_if = "Pending::is_empty")]
    pub taken_back: Pending,
}

/// Claims about a host that were accepted while its newest known bundle had this generation. A newer bundle has them, or was
/// made after they were taken back: either way it decides, and they are spent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pending {
    pub since: u64,
    pub claims: BTreeSet<Claim>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }
}

impl Pinned {
    pub fn new(fleet: FleetId) -> Self {
        Self {
            format: FORMAT.into(),
            fleet,
            accepted: BTreeSet::new(),
            words: BTreeSet::new(),
            values: Vec::new(),
            counters: BTreeMap::new(),
            hosts: BTreeMap::new(),
            history: None,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.accepted.is_empty() && self.hosts.is_empty()
    }

    /// Whether a claim was accepted; of one about a host, whether that is so while `newest` is its newest bundle.
    pub fn accepts(&self, claim: &Claim, newest: u64) -> bool {
        match claim.host() {
            None => self.accepted.contains(claim),
            Some(host) => self
                .hosts
                .get(host)
                .is_some_and(|seen| seen.pending.since >= newest && seen.pending.claims.contains(claim)),
        }
    }

    pub fn accept(&mut self, claim: &Claim, newest: u64) {
        let Some(host) = claim.host() else {
            if self.accepted.insert(claim.clone()) && matches!(claim, Claim::Signer { .. }) {
                // What this one has signed was not looked at.
                self.history = None;
            }
            return;
        };
        let seen = self.hosts.entry(host.clone()).or_default();
        if seen.pending.since < newest {
            seen.pending = Pending { since: newest, claims: BTreeSet::new() };
        }
        seen.pending.claims.insert(claim.clone());
        seen.taken_back.claims.remove(claim);
    }

    /// Forgets a claim that a command of this machine takes back, and until the next bundle what the newest one says of it.
    pub fn take_back(&mut self, claim: &Claim) {
        self.forget(claim);
        let Some(host) = claim.host() else { return };
        let seen = self.hosts.entry(host.clone()).or_default();
        if seen.taken_back.since < seen.generation {
            seen.taken_back = Pending { since: seen.generation, claims: BTreeSet::new() };
        }
        seen.taken_back.claims.insert(claim.clone());
    }

    /// Whether a claim about a host was taken back since its newest bundle.
    pub fn has_taken_back(&self, claim: &Claim, newest: u64) -> bool {
        let seen = claim.host().and_then(|host| self.hosts.get(host));
        seen.is_some_and(|seen| seen.taken_back.since >= newest && seen.taken_back.claims.contains(claim))
    }

    pub fn forget(&mut self, claim: &Claim) {
        match claim.host() {
            None => drop(self.accepted.remove(claim)),
            Some(host) => drop(self.hosts.get_mut(host).map(|seen| seen.pending.claims.remove(claim))),
        }
    }

    pub fn vouch(&mut self, value: Vouched) {
        self.values.retain(|known| (&known.name, &known.sha256) != (&value.name, &value.sha256));
        let same: Vec<_> = self.values.iter().filter(|known| known.name == value.name).cloned().collect();
        if let Some(oldest) = same.first().filter(|_| same.len() >= UNSIGNED) {
            self.values.retain(|known| known != oldest);
        }
        self.values.push(value);
    }

    pub fn note_generations(&mut self, seen: &[(HostName, u64)]) {
        for (host, generation) in seen {
            if self.hosts.get(host).map_or(0, |seen| seen.generation) < *generation {
                self.hosts.entry(host.clone()).or_default().note(*generation, None);
            }
        }
    }

    pub fn count(&mut self, name: &SecretName, counter: u64) {
        let highest = self.counters.entry(name.clone()).or_default();
        *highest = counter.max(*highest);
    }

    /// Notes a bundle. What it grants needs no pin; what else was accepted until now waits for the next bundle.
    pub fn settle(&mut self, bundle: &Bundle) {
        for (name, counter) in &bundle.counters {
            self.count(name, *counter);
        }
        let seen = self.hosts.entry(bundle.host.clone()).or_default();
        seen.note(bundle.generation, Some(&bundle.sha256));
        if bundle.rendered {
            seen.rendered = bundle.generation;
        }
        if seen.taken_back.since < bundle.generation {
            seen.taken_back = Pending::default();
        }
        let Pending { since, claims } = &mut seen.pending;
        if *since >= bundle.before {
            claims.retain(|claim| !bundle.granted.contains(claim));
            *since = bundle.generation.max(*since);
        } else {
            claims.clear();
        }
    }

    /// Whether [`Self::settle`] would change nothing.
    pub fn is_settled(&self, bundle: &Bundle) -> bool {
        let counted =
            |(name, counter): &(SecretName, u64)| self.counters.get(name).is_some_and(|known| known >= counter);
        bundle.counters.iter().all(counted)
            && self.hosts.get(&bundle.host).is_some_and(|seen| {
                (!bundle.rendered || seen.rendered == bundle.generation)
                    && seen.generation >= bundle.generation
                    && seen.manifests.contains(&bundle.sha256)
                    && seen.pending.claims.is_disjoint(&bundle.granted)
                    && (seen.pending.is_empty() || seen.pending.since >= bundle.generation)
                    && (seen.taken_back.is_empty() || seen.taken_back.since >= bundle.generation)
            })
    }
}

impl Seen {
    pub fn note(&mut self, generation: u64, sha256: Option<&String>) {
        self.generation = self.generation.max(generation);
        if let Some(sha256) = sha256.filter(|sha256| !self.manifests.contains(sha256)) {
            self.manifests.push(sha256.clone());
            let surplus = self.manifests.len().saturating_sub(REMEMBERED);
            self.manifests.drain(..surplus);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(recipient: &str) -> Claim {
        Claim::Recipient { host: HostName::new("web").unwrap(), recipient: recipient.into() }
    }

    fn bundle(before: u64, generation: u64, granted: &[Claim]) -> Bundle {
        Bundle {
            host: HostName::new("web").unwrap(),
            before,
            generation,
            sha256: generation.to_string(),
            rendered: false,
            granted: granted.iter().cloned().collect(),
            counters: Vec::new(),
        }
    }

    #[test]
    fn what_was_accepted_is_spent_by_a_newer_bundle_of_somebody_else() {
        let mut pins = Pinned::new(FleetId::random());
        pins.accept(&claim("a"), 3);
        assert!(pins.accepts(&claim("a"), 3) && !pins.accepts(&claim("a"), 4) && !pins.accepts(&claim("b"), 3));
        // Somebody else rendered 4 and 5: one of them had it, and it was taken back.
        pins.settle(&bundle(5, 5, &[]));
        assert!(!pins.accepts(&claim("a"), 5));
        pins.accept(&claim("b"), 5);
        assert!(pins.accepts(&claim("b"), 5) && !pins.accepts(&claim("a"), 5));
    }

    #[test]
    fn what_was_taken_back_stays_so_until_the_next_bundle() {
        let mut pins = Pinned::new(FleetId::random());
        pins.settle(&bundle(0, 3, &[]));
        pins.take_back(&claim("a"));
        assert!(pins.has_taken_back(&claim("a"), 3) && !pins.has_taken_back(&claim("b"), 3));
        pins.settle(&bundle(3, 3, &[]));
        assert!(pins.has_taken_back(&claim("a"), 3), "the same bundle");
        pins.accept(&claim("a"), 3);
        assert!(!pins.has_taken_back(&claim("a"), 3) && pins.accepts(&claim("a"), 3));
        pins.take_back(&claim("a"));
        pins.settle(&bundle(3, 4, &[]));
        assert!(!pins.has_taken_back(&claim("a"), 4) && !pins.accepts(&claim("a"), 4));
    }

    #[test]
    fn what_the_own_bundle_does_not_have_yet_waits_for_the_next() {
        let mut pins = Pinned::new(FleetId::random());
        pins.accept(&claim("a"), 3);
        pins.accept(&claim("b"), 3);
        let own = bundle(3, 4, &[claim("a")]);
        assert!(!pins.is_settled(&own));
        pins.settle(&own);
        assert!(pins.is_settled(&own));
        assert!(pins.accepts(&claim("b"), 4) && !pins.accepts(&claim("a"), 4), "the bundle itself grants a");
    }
}
