//! What is fuzzed: for each kind of input that somebody else may have written, a function that reads it.
//!
//! Each takes any bytes and panics when something that must hold of them does not. `fuzz/` calls them with bytes that are
//! made up, `cargo test` with those in `fuzz/seeds` and `fuzz/regressions`. They live in the rooms whose parts they call.

pub use crate::adopt::fuzzing::adopt;
pub use crate::audit::fuzzing::audit;
pub use crate::break_glass::fuzzing::break_glass;
pub use crate::import::fuzzing::import;
pub use crate::keys::fuzzing::{authorized_line, keys_toml};
pub use crate::manifest::fuzzing::pkeys_toml;
pub use crate::scan::fuzzing::scan;
pub use crate::source::fuzzing::{connect, reference, ssh_key};
pub use pkeys_activate::fuzzing::{spec, template};
pub use pkeys_bundle::fuzzing::{age_file, archive, bundle_manifest, signature, transport};

#[cfg(test)]
#[path = "fuzzing_tests.rs"]
mod tests;
