//! What everything else of the operator's program stands on: that of `pkeys_bundle::base`, locks, threads and places.
//!
//! Imports nothing from the rest of the crate.

pub mod lock;
pub mod parallel;
pub mod places;

pub use pkeys_bundle::base::*;

#[cfg(test)]
mod stack_tests;
