//! What every fuzzing target does with its bytes, and what must hold of each text that comes out.

use crate::base::Error;

/// What stands for a secret in the wrong place. No name that may be repeated has these characters.
pub const NEEDLE: &str = "hunter2 $ecret!";

/// Hands over the bytes as they are, and again with the needle somewhere in them, at a place that the bytes decide.
pub fn each(bytes: &[u8], look: impl Fn(&[u8])) {
    look(bytes);
    let at = place(bytes);
    look(&[&bytes[..at], NEEDLE.as_bytes(), &bytes[at..]].concat());
}

/// The same for text. Invalid UTF-8 is ignored.
pub fn each_text(bytes: &[u8], look: impl Fn(&str)) {
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
pub fn discreet(error: &Error) {
    said(&error.one_line());
}

/// The same for any other text that is shown to a person.
#[track_caller]
pub fn said(text: &str) {
    assert!(!text.contains(NEEDLE), "it repeats what was given: {text}");
    one_line(text);
}

/// Panics when a text that may repeat names would write more than one line, or move the terminal's cursor.
#[track_caller]
pub fn one_line(text: &str) {
    assert!(!text.contains(char::is_control), "it holds a control character: {text:?}");
}
