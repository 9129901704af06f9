//! What is noted in the pins. Each change is written at once.

use super::Pins;
use crate::base::{HostName, Result, SecretName};
use crate::trust::{Bundle, Claim, Vouched, Word};
use std::collections::BTreeSet;

/// How many commits are remembered up to which history was looked at: the ends of branches.
const LOOKED_AT: usize = 32;

impl Pins {
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

    /// Forgets what a command of this machine takes out of the repository. Until the next bundle of a host, what its newest one
    /// grants of it is not in force either.
    ///
    /// # Errors
    /// If the file cannot be written; then nothing is changed.
    pub fn take_back(&mut self, claims: &[Claim], words: &BTreeSet<Word>) -> Result<()> {
        if claims.is_empty() && words.is_disjoint(&self.pinned.words) {
            return Ok(());
        }
        self.change(|pinned| {
            claims.iter().for_each(|claim| pinned.take_back(claim));
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
        if seen.iter().all(|(host, generation)| *generation <= self.generation(host)) {
            return Ok(());
        }
        self.change(|pinned| pinned.note_generations(seen))
    }

    /// Notes what the history up to a commit says: newer bundles, and claims and entries that were taken out, which are
    /// forgotten: whoever makes one again has to be accepted anew. Without a commit there is no history yet.
    ///
    /// # Errors
    /// If the file cannot be written; then nothing is changed.
    pub fn note_history(
        &mut self,
        head: Option<String>,
        generations: &[(HostName, u64)],
        gone: &BTreeSet<Claim>,
        gone_words: &BTreeSet<Word>,
    ) -> Result<()> {
        let known = self.pinned.history.as_ref();
        let is_known = known.is_some_and(|known| head.as_ref().is_none_or(|head| known.contains(head)));
        if is_known
            && generations.iter().all(|(host, generation)| *generation <= self.generation(host))
            && !gone.iter().any(|claim| self.pinned.accepts(claim, 0))
            && gone_words.is_disjoint(&self.pinned.words)
        {
            return Ok(());
        }
        self.change(|pinned| {
            pinned.note_generations(generations);
            gone.iter().for_each(|claim| pinned.forget(claim));
            pinned.words.retain(|word| !gone_words.contains(word));
            if !is_known {
                let history = pinned.history.get_or_insert_default();
                history.extend(head);
                let surplus = history.len().saturating_sub(LOOKED_AT);
                history.drain(..surplus);
            }
        })
    }
}
