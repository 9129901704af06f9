//! Whom the worst day trusts: from the sheet's lines or this machine's pins to the signed trust set, and from it to signers.

use crate::base::{Error, Result};
use crate::break_glass::{Anchor, TypedAnchor};
use crate::bundle::Recipient;
use crate::escrow::trust_file::{self, accepted, pinned_anchor};
use crate::grants::Trusted;
use crate::manifest::Repository;
use crate::trust::{Claim, TrustSet};

const HINT: &str = "type the lines F, S1 and S2 of the sheet with the key, or add --fleet and --sheet-signer; a sheet without \
                    them is printed again by `pkeys break-glass sheet`, where pkeys.toml is accepted";

/// What the sheet or the pins lead to.
#[derive(Debug)]
pub struct Trust {
    /// The fleet and the break-glass signer.
    pub anchor: Anchor,
    /// What that signer signed.
    pub set: TrustSet,
    /// Whose bundles are valid: the set's signers or, on a machine with pins, those that they accept.
    pub trusted: Trusted,
    /// The break-glass recipients.
    pub recipients: Vec<Recipient>,
}

impl Trust {
    /// Verifies the trust set against what was typed or, where nothing was, against the pins.
    ///
    /// # Errors
    /// If neither is there, or something does not fit.
    pub fn establish(repository: &Repository, typed: &TypedAnchor) -> Result<Self> {
        let pinned = pinned_anchor(repository)?;
        let anchor = anchor(typed, pinned.as_ref())?;
        if repository.manifest().fleet.as_ref() != Some(&anchor.fleet) {
            return Err(Error::new(format!("pkeys.toml does not name the fleet {}", anchor.fleet))
                .hint("is this the repository that the sheet is for? `git log pkeys.toml` says who changed it"));
        }
        if pinned.as_ref().is_some_and(|pinned| *pinned != anchor) {
            return Err(Error::new("the sheet names another break-glass signer than this machine has accepted")
                .hint("if it was replaced since, print the sheet again: `pkeys break-glass sheet`"));
        }
        let set = match trust_file::read(repository, &anchor)? {
            Some(set) => set,
            None if pinned.is_some() => accepted(repository)?,
            None => {
                return Err(Error::new("there is no break-glass/trust.json")
                    .hint("`pkeys break-glass drill` writes it, where pkeys.toml is accepted"));
            }
        };
        let recipients = set.break_glass.iter().map(|text| text.parse()).collect::<Result<Vec<Recipient>>>()?;
        let Some(_) = pinned else {
            return Ok(Self { trusted: Trusted::of_set(&set)?, anchor, set, recipients });
        };
        // The pins are newer than the set: what was removed since then is not trusted any more.
        let trusted = Trusted::of(repository)?;
        let pins = repository.pins()?;
        let is_accepted =
            |recipient: &Recipient| pins.accepts(&Claim::BreakGlass { recipient: recipient.id().to_owned() });
        let recipients = recipients.into_iter().filter(is_accepted).collect();
        Ok(Self { anchor, set, trusted, recipients })
    }
}

/// The anchor that was typed, which the pins complete.
fn anchor(typed: &TypedAnchor, pinned: Option<&Anchor>) -> Result<Anchor> {
    let fleet = typed.fleet.clone().or_else(|| pinned.map(|pinned| pinned.fleet.clone()));
    let signer = typed.signer.clone().or_else(|| pinned.map(|pinned| pinned.signer.clone()));
    match (fleet, signer) {
        (Some(fleet), Some(signer)) => Ok(Anchor { fleet, signer }),
        (None, Some(_)) => Err(Error::new("the fleet id of the sheet is missing").hint(HINT)),
        (Some(_), None) => Err(Error::new("the break-glass signer of the sheet is missing").hint(HINT)),
        (None, None) => Err(Error::new("nothing here says who signs: no lines of the sheet, and no pins").hint(HINT)),
    }
}
