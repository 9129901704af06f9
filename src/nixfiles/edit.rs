//! Changes of a text that leave every other byte as it is.

use std::ops::Range;

/// Changes of one text, by where they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Puts `new` in the place of a range. One that is inside of another is left out when they are applied.
    pub fn replace(&mut self, range: Range<usize>, new: impl Into<String>) {
        self.0.push((range, new.into()));
    }

    /// Whether there is a change that holds all of this range.
    pub fn covers(&self, range: &Range<usize>) -> bool {
        self.0.iter().any(|(of, _)| of.start <= range.start && range.end <= of.end && !of.is_empty())
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The changed text.
    pub fn apply(&self, text: &str) -> String {
        let (mut new, mut at) = (String::with_capacity(text.len()), 0);
        for (range, put) in self.merged(text) {
            new += &text[at..range.start];
            new += put;
            at = range.end;
        }
        new + &text[at..]
    }

    /// The changes in their order, none in another. Two neighbours that are removed both took the blanks between them: they
    /// go as one, and with their lines when nothing else is on them.
    fn merged(&self, text: &str) -> Vec<(Range<usize>, &str)> {
        let mut edits: Vec<_> = self.0.iter().map(|(range, put)| (range.clone(), put.as_str())).collect();
        edits.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut merged: Vec<(Range<usize>, &str)> = Vec::new();
        for (range, put) in edits {
            match merged.last_mut() {
                Some((last, before)) if range.start < last.end => {
                    if put.is_empty() && before.is_empty() && range.end > last.end {
                        *last = lines_around(text, last.start..range.end);
                    }
                }
                _ => merged.push((range, put)),
            }
        }
        merged
    }
}

/// The range with the line ends around it, when nothing else is on its lines; else with the blanks before it. Removing
/// it leaves no empty line and no blank at a line's end.
pub fn lines_around(text: &str, range: Range<usize>) -> Range<usize> {
    let before = text[..range.start].trim_end_matches([' ', '\t']);
    let after = &text[range.end..];
    let blank = after.len() - after.trim_start_matches([' ', '\t', '\r']).len();
    let starts = before.is_empty() || before.ends_with('\n');
    match (starts, after[blank..].starts_with('\n')) {
        (true, true) => before.len()..range.end + blank + 1,
        (true, false) => range.start..range.end + blank,
        (false, _) => before.len()..range.end,
    }
}

/// The blanks with which the line of a place starts.
pub fn indent(text: &str, at: usize) -> &str {
    let line = &text[..at];
    let start = line.rfind('\n').map_or(0, |end| end + 1);
    let blank = line[start..].len() - line[start..].trim_start_matches([' ', '\t']).len();
    &line[start..start + blank]
}

/// How lines end in a text.
pub fn line_end(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_named_changes() {
        let mut edits = Edits::default();
        edits.replace(4..5, "x");
        edits.replace(0..1, "");
        edits.replace(4..5, "y");
        assert_eq!(edits.apply("a b c d"), " b x d");
        assert!(edits.covers(&(4..5)) && !edits.covers(&(4..6)));
    }

    #[test]
    fn neighbours_that_are_removed_take_their_line_with_them() {
        let removed = |text: &str, parts: &[&str]| {
            let mut edits = Edits::default();
            for part in parts {
                let start = text.find(part).unwrap();
                edits.replace(lines_around(text, start..start + part.len()), "");
            }
            edits.apply(text)
        };
        assert_eq!(removed("[\n  a b\n  c\n]", &["a", "b"]), "[\n  c\n]");
        assert_eq!(removed("[\n  a\r  b\n  c\n]", &["b", "a"]), "[\n  c\n]");
        assert_eq!(removed("[\n  a b c\n]", &["a", "b"]), "[\n  c\n]");
        assert_eq!(removed("[\n  a b c\n]", &["b", "c"]), "[\n  a\n]");
        assert_eq!(removed("[ a b c ]", &["a", "b"]), "[ c ]");
    }

    #[test]
    fn a_line_goes_as_a_whole() {
        for (text, part, rest) in [
            ("a\n  b;\nc\n", "b;", "a\nc\n"),
            ("a\r\n  b;\r\nc\n", "b;", "a\r\nc\n"),
            ("a = 1; b; c\n", "b;", "a = 1; c\n"),
            ("[ b c ]", "b", "[ c ]"),
            ("  b; c\n", "b;", "  c\n"),
            ("a\n  b;", "b;", "a\n  "),
        ] {
            let start = text.find(part).unwrap();
            let range = lines_around(text, start..start + part.len());
            assert_eq!(format!("{}{}", &text[..range.start], &text[range.end..]), rest);
        }
    }

    proptest::proptest! {
        #[test]
        fn text_outside_of_the_edits_stays(
            kept in proptest::collection::vec("\\PC{1,8}", 1..8),
            put in proptest::collection::vec(("\\PC{0,8}", "\\PC{0,8}"), 8),
        ) {
            let (mut edits, mut text, mut expected) = (Edits::default(), String::new(), String::new());
            for (kept, (old, new)) in kept.iter().zip(&put) {
                text += kept;
                edits.replace(text.len()..text.len() + old.len(), new.as_str());
                text += old;
                expected += kept;
                expected += new;
            }
            assert_eq!(edits.apply(&text), expected);
        }
    }
}
