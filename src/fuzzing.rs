//! What is fuzzed: for each kind of input that somebody else may have written, a function that reads it.
//!
//! Each takes any bytes and panics when something that must hold of them does not. `fuzz/` calls them with bytes that are
//! made up, `cargo test` with those in `fuzz/seeds` and `fuzz/regressions`. They live in the rooms whose parts they call.

use crate::base::Error;

pub use crate::activate::fuzzing::{spec, template};
pub use crate::adopt::fuzzing::adopt;
pub use crate::audit::fuzzing::audit;
pub use crate::break_glass::fuzzing::break_glass;
pub use crate::bundle::fuzzing::{age_file, archive, bundle_manifest, signature, transport};
pub use crate::import::fuzzing::import;
pub use crate::keys::fuzzing::{authorized_line, keys_toml};
pub use crate::manifest::fuzzing::pkeys_toml;
pub use crate::scan::fuzzing::scan;
pub use crate::source::fuzzing::{connect, reference, ssh_key};

/// What stands for a secret in the wrong place. No name that may be repeated has these characters.
pub(crate) const NEEDLE: &str = "hunter2 $ecret!";

/// Hands over the bytes as they are, and again with the needle somewhere in them, at a place that the bytes decide.
pub(crate) fn each(bytes: &[u8], look: impl Fn(&[u8])) {
    look(bytes);
    let at = place(bytes);
    look(&[&bytes[..at], NEEDLE.as_bytes(), &bytes[at..]].concat());
}

/// The same for what is read as text; bytes that are none are passed over.
pub(crate) fn each_text(bytes: &[u8], look: impl Fn(&str)) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    look(text);
    let mut at = place(bytes);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    look(&[&text[..at], NEEDLE, &text[at..]].concat());
}

/// FNV-1a of the bytes, as a place in them: the same for the same bytes, so that a finding can be repeated.
fn place(bytes: &[u8]) -> usize {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    usize::try_from(hash % (bytes.len() as u64 + 1)).expect("at most the length")
}

/// Panics when an error repeats the needle, or would write more than one line or move the terminal's cursor.
#[track_caller]
pub(crate) fn discreet(error: &Error) {
    said(&error.one_line());
}

/// The same for any other text that is shown to a person.
#[track_caller]
pub(crate) fn said(text: &str) {
    assert!(!text.contains(NEEDLE), "it repeats what was given: {text}");
    one_line(text);
}

/// Panics when a text that may repeat names would write more than one line, or move the terminal's cursor.
#[track_caller]
pub(crate) fn one_line(text: &str) {
    assert!(!text.contains(char::is_control), "it holds a control character: {text:?}");
}

#[cfg(test)]
#[path = "fuzzing_tests.rs"]
mod tests;
