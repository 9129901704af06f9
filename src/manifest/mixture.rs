//! Who is post-quantum and who is not: age forbids both in one file, and break-glass is in every file.

use crate::base::{Error, Result};
use crate::bundle::Recipient;
use crate::manifest::Manifest;
use std::collections::BTreeSet;

/// What is said to do about it.
const NEXT: &str = "give every host and operator an age1pq1… recipient, then `pkeys break-glass rotate --post-quantum`: \
                    docs/post-quantum.md";

/// The recipients of one file, sorted, from keys that each belong to somebody.
///
/// # Errors
/// When one cannot be used, or post-quantum ones stand beside others; says whose those are.
pub(super) fn recipients<'a>(keys: impl Iterator<Item = (String, &'a String)>) -> Result<Vec<Recipient>> {
    let keys = keys.map(|(owner, key)| Ok((key.parse()?, owner))).collect::<Result<Vec<(Recipient, String)>>>()?;
    let named = |post_quantum| {
        let of = keys.iter().filter(move |(key, _)| key.is_post_quantum() == Some(post_quantum));
        of.map(|(_, owner)| owner.as_str()).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
    };
    let (hybrid, classic) = (named(true), named(false));
    if !hybrid.is_empty() && !classic.is_empty() {
        return Err(Error::new(format!(
            "post-quantum recipients ({hybrid}) cannot stand beside others ({classic}): \
             a quantum computer would open what is sealed to those"
        ))
        .hint(NEXT));
    }
    Ok(keys.into_iter().map(|(key, _)| key).collect::<BTreeSet<_>>().into_iter().collect())
}

impl Manifest {
    /// Whether the break-glass recipients are post-quantum.
    pub fn is_break_glass_post_quantum(&self) -> bool {
        let all = &self.break_glass.recipients;
        all.iter().any(|key| key.parse::<Recipient>().is_ok_and(|key| key.is_post_quantum() == Some(true)))
    }

    /// Demands that a new break-glass recipient, post-quantum or not, can stand beside every host's and operator's.
    ///
    /// # Errors
    /// When it cannot; says beside whose.
    pub fn check_break_glass_kind(&self, post_quantum: bool) -> Result<()> {
        let hosts =
            self.hosts.iter().flat_map(|(name, host)| host.recipients.iter().map(move |key| (name.as_str(), key)));
        let operators = self.operators.iter().flat_map(|(name, keys)| keys.iter().map(move |key| (name.as_str(), key)));
        let other = |(_, key): &(&str, &String)| {
            key.parse::<Recipient>().is_ok_and(|key| key.is_post_quantum() == Some(!post_quantum))
        };
        let others: BTreeSet<_> = hosts.chain(operators).filter(other).map(|(name, _)| name).collect();
        if others.is_empty() {
            return Ok(());
        }
        let others = others.into_iter().collect::<Vec<_>>().join(", ");
        Err(match post_quantum {
            true => Error::new(format!(
                "a post-quantum break-glass key cannot stand beside recipients that are not: those of {others}"
            ))
            .hint("give them age1pq1… recipients first: docs/post-quantum.md"),
            false => Error::new(format!("the recipients of {others} are post-quantum, and break-glass would not be"))
                .hint("make it with --post-quantum"),
        })
    }
}
