//! What this machine's operator has accepted of a repository that others can write to.
//!
//! A repository makes [`Claim`]s: who signs, who can read, what each host gets. They take effect once they are pinned: in a
//! file for each fleet, outside of every repository. May import `base` and `bundle`.

mod claim;
mod pinned;
mod pins;
mod set;
mod word;

pub use claim::{Claim, key_fingerprint, trust_set_fingerprint};
pub use pinned::{Bundle, Vouched};
pub use pins::{Pins, PinsPlace};
pub use set::TrustSet;
pub use word::Word;
