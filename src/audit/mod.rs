//! `audit.jsonl`: who changed what, and when; each line chained to those before it by hash.
//!
//! May import `base`, `bundle` (for SHA-256) and `manifest::Repository`. Never given a secret: an [`Action`] holds names,
//! fingerprints and numbers.

mod chain;
mod drill;
mod entry;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod who;
mod write;

pub use chain::{Chain, Problem};
pub use drill::{DRILL, last_drill};
pub use entry::{Action, Entry};
pub use write::{LOG_FILE, append, read};
