//! The break-glass key on paper: made, printed as a sheet or as shares, typed in again.
//!
//! Holds no command and touches no file: all is in memory, and what is secret is wiped. May import `base` and `bundle`.

mod anchor;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod identity;
mod input;
mod lines;
mod share;
mod shares;
mod sheet;
mod typed;

pub use anchor::{Anchor, TypedAnchor, parse_signer};
pub use identity::{BreakGlassIdentity, fingerprint};
pub use input::{Input, parse_input};
pub use share::Share;
pub use shares::{MAX_SHARES, combine, split};
pub use sheet::{About, COMBINE, key_sheet, share_sheet};
