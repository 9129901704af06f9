//! The filter for text that is shown on a terminal: names, reasons, labels and answers come from repositories, hosts and
//! servers, and must not move the cursor, change what a line says, or hide a part of it.

use std::borrow::Cow;
use std::fmt::Write;

/// Replaces control, bidirectional and invisible characters by their escapes, `\u001b` for ESC; tabs stay. A line feed is
/// replaced too: text of others cannot begin a line of its own.
///
/// The escapes are those of JSON, so that JSON text is still JSON with the same meaning afterwards.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(misleads) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if misleads(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Whether a terminal obeys a character or shows nothing for it. Variation selectors are left alone: emoji use them, and
/// they change no other character.
fn misleads(character: char) -> bool {
    match character {
        '\t' => false,
        // Soft hyphen, combining grapheme joiner, Arabic letter mark, fillers, Mongolian selectors.
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' => true,
        '\u{180b}'..='\u{180f}' | '\u{ffa0}' => true,
        // Zero-width characters, direction marks, line and paragraph separators, embeddings and isolates.
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        // Byte order mark, interlinear annotations, invisible musical marks, tags.
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_or_hides_is_shown_as_its_escape() {
        for (text, shown) in [
            ("\u{1b}[2Jgone", "\\u001b[2Jgone"),
            ("a\rb\nc\u{7}\u{7f}\u{9b}31m", "a\\u000db\\u000ac\\u0007\\u007f\\u009b31m"),
            ("\u{202e}txe\u{202c} \u{2066}x\u{2069}", "\\u202etxe\\u202c \\u2066x\\u2069"),
            ("a\u{200b}b\u{200e}\u{200f}\u{61c}\u{2028}\u{feff}", "a\\u200bb\\u200e\\u200f\\u061c\\u2028\\ufeff"),
            ("\u{e0041}", "\\udb40\\udc41"),
            ("tab\tand Ünïcode, 漢字 ⚠\u{fe0f}", "tab\tand Ünïcode, 漢字 ⚠\u{fe0f}"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    proptest::proptest! {
        #[test]
        fn json_keeps_its_meaning_and_nothing_that_misleads_is_left(text in "\\PC{0,8}[\u{0}-\u{a0}\u{200b}-\u{202e}\u{e0000}-\u{e0fff}]{0,8}\\PC{0,8}") {
            let json = serde_json::to_string(&text).unwrap();
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&printable(&json)).unwrap(), text.clone());
            proptest::prop_assert!(!printable(&text).contains(misleads));
        }
    }
}
