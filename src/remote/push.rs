//! Sending a bundle to `pkeys-activate receive` on a host.

use crate::base::Result;
use crate::bundle::{Signed, transport};
use crate::remote::target::Target;
use crate::remote::{answer, connect};
use serde::Deserialize;

/// What runs on the host; a login that may only push has it, or more of it, as its forced command.
const RECEIVE: &str = "pkeys-activate receive";

/// What a host answered, its words fit for a terminal. Fields that this version does not know are passed over.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Answer {
    /// Whether the host has this bundle now.
    pub accepted: bool,
    /// The generation that the host had before.
    pub previous: Option<u64>,
    /// Why it was refused.
    pub error: Option<String>,
    /// What to do about that.
    pub hint: Option<String>,
    /// What the activation did.
    pub activation: Option<Activation>,
}

/// What the activation on the host did.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Activation {
    /// `done`, `degraded`, `keys-only` or `failed`.
    pub status: String,
    /// What was set apart or failed.
    pub problems: Vec<String>,
}

impl Answer {
    /// Without control characters, whatever the host says.
    fn plain(mut self) -> Self {
        let activation = self.activation.iter_mut().flat_map(|activation| &mut activation.problems);
        for text in self.error.iter_mut().chain(&mut self.hint).chain(activation) {
            text.retain(|c| !c.is_control());
        }
        self
    }
}

/// Sends a bundle to replace the one whose manifest has this SHA-256 (`none`: the host has none), and waits for the answer.
///
/// # Errors
/// If the host cannot be reached, has no `pkeys-activate`, or answers with something else.
pub fn push(
    target: &Target,
    signed: &Signed,
    payload: &[u8],
    replaces: Option<&str>,
    allow_rollback: bool,
) -> Result<Answer> {
    let receive = if allow_rollback { format!("{RECEIVE} --allow-rollback") } else { RECEIVE.into() };
    let output = connect::run(target, &receive, |input| transport::send(input, signed, payload, replaces))?;
    serde_json::from_slice(answer::line(&output)).map(Answer::plain).map_err(|_| answer::none(&output))
}
