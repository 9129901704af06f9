//! The answer to a push.

use super::Outcome;
use crate::base::Error;
use serde::{Deserialize, Serialize};

/// What became of a bundle that was pushed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Received {
    /// Whether the host has this bundle now.
    pub accepted: bool,
    /// The generation that was sent.
    pub generation: Option<u64>,
    /// The generation that the host had.
    pub previous: Option<u64>,
    /// Why it was refused.
    pub error: Option<String>,
    /// What to do about that.
    pub hint: Option<String>,
    /// What the activation did.
    pub activation: Option<Outcome>,
}

impl Received {
    /// The answer when nothing could be done.
    pub fn refused(error: &Error) -> Self {
        let (message, hint) = (error.message().to_owned(), error.next_step().map(Into::into));
        Self { error: Some(message), hint, ..Self::default() }
    }
}
