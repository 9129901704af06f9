//! Sending a bundle to `pkeys-activate receive` on a host.

use crate::base::Result;
use crate::bundle::{Signed, transport};
use crate::remote::target::Target;
use crate::remote::{answer, connect};
use pkeys_bundle::wire::Received;

/// What runs on the host; a login that may only push has it, or more of it, as its forced command.
const RECEIVE: &str = "pkeys-activate receive";

/// Sends a bundle to replace the one whose manifest has this SHA-256 (`none`: the host has none), and waits for the answer, its
/// words fit for a terminal.
///
/// # Errors
/// If the host cannot be reached, has no `pkeys-activate`, or answers with something else.
pub fn push(
    target: &Target,
    signed: &Signed,
    payload: &[u8],
    replaces: Option<&str>,
    allow_rollback: bool,
) -> Result<Received> {
    let receive = if allow_rollback { format!("{RECEIVE} --allow-rollback") } else { RECEIVE.into() };
    let output = connect::run(target, &receive, |input| transport::send(input, signed, payload, replaces))?;
    let none = || answer::none(&output);
    let said = serde_json::from_slice(answer::line(&output)).map_err(|_| none())?;
    serde_json::from_value(answer::plain(said)).map_err(|_| none())
}
