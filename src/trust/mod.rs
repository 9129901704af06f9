//! What this machine's operator has accepted of a repository that others can write to.
//!
//! A repository makes [`Claim`]s: who signs, who can read, what each host gets. They take effect once they are pinned: in a
//! file for each fleet, outside of every repository. May import `base` and `bundle`.

mod claim;
mod pins;
mod set;

pub use claim::{Claim, key_fingerprint, trust_set_fingerprint};
pub use pins::{Pins, PinsPlace};
pub use set::TrustSet;
