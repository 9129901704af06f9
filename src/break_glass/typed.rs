//! Lines as a person types them: in either case, with or without spaces and dashes, in any order if numbered.
//!
//! What is wrong is named by its line and never repeated.

use super::lines::{CHECKSUM, Kind, checksum, label};
use crate::base::{Error, Result, SecretBytes};
use crate::bundle::bech32::ALPHABET;

/// What a line is said to be: line `line`, of share `share` if it is of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    pub share: Option<u8>,
    pub line: usize,
}

/// A typed line: its label if there is one, and its characters and checksum in capitals.
pub struct TypedLine {
    pub label: Option<Label>,
    body: SecretBytes,
}

impl TypedLine {
    /// Reads a line. It is only taken apart here; [`join`] judges it.
    pub fn read(line: &str) -> Self {
        let mut words = line.split(separates).filter(|word| !word.is_empty()).peekable();
        let label = words.peek().and_then(|word| read_label(word));
        if label.is_some() {
            words.next();
        }
        let mut body = SecretBytes::with_capacity(line.len());
        words.for_each(|word| word.bytes().for_each(|byte| body.extend(&[byte.to_ascii_uppercase()])));
        Self { label, body }
    }
}

fn separates(c: char) -> bool {
    c.is_whitespace() || c == '-'
}

/// `2` or `3.2`, also with a full stop, bracket or colon behind it.
fn read_label(word: &str) -> Option<Label> {
    let word = word.trim_end_matches(['.', ':', ')']);
    let line = |text: &str| text.parse().ok().filter(|_| text.len() == 1);
    match word.split_once('.') {
        Some((share, number)) => Some(Label { share: Some(share.parse().ok()?), line: line(number)? }),
        None => Some(Label { share: None, line: line(word)? }),
    }
}

/// Puts the lines of one key, or of share `share`, together: the whole Bech32 text with its prefix.
///
/// # Errors
/// When lines are missing, typed twice, or do not fit their checksums; all of them are named.
pub fn join(kind: &Kind, share: Option<u8>, lines: &[&TypedLine]) -> Result<SecretBytes> {
    let name = |line: usize| share.map_or_else(|| format!("line {line}"), |s| format!("share {s}, line {line}"));
    if lines.iter().any(|line| line.label.is_some()) && lines.iter().any(|line| line.label.is_none()) {
        return Err(Error::new("some lines have a number and some have none")
            .hint("type the numbers of all lines, with a space behind them, or all lines in order without numbers"));
    }
    let mut places: Vec<Option<&[u8]>> = vec![None; kind.lines()];
    let mut wrong = Vec::new();
    for (index, typed) in lines.iter().enumerate() {
        let number = typed.label.map_or(index + 1, |label| label.line);
        let Some(place) = number.checked_sub(1).and_then(|index| places.get_mut(index)) else {
            wrong.push(format!("there is no {}", name(number)));
            continue;
        };
        if place.is_some() {
            wrong.push(format!("{} was typed twice", name(number)));
            continue;
        }
        let (characters, fault) = judge(kind, &label(share, number), number, typed.body.expose());
        *place = Some(characters);
        wrong.extend(fault.map(|fault| format!("{} {fault}", name(number))));
    }
    let missing = places.iter().enumerate().filter(|(_, place)| place.is_none());
    wrong.extend(missing.map(|(index, _)| format!("{} is missing", name(index + 1))));
    if !wrong.is_empty() {
        return Err(Error::new(wrong.join("; ")).hint(
            "compare with the sheet, character by character: a line is its groups and, last, its checksum; \
             B, I, O and 1 never stand in the groups",
        ));
    }
    let mut text = SecretBytes::with_capacity(kind.prefix.len() + kind.characters);
    text.extend(kind.prefix.as_bytes());
    places.iter().flatten().for_each(|characters| text.extend(characters));
    Ok(text)
}

/// The characters of a typed line without the checksum, and what is wrong with it.
fn judge<'a>(kind: &Kind, label: &str, number: usize, body: &'a [u8]) -> (&'a [u8], Option<String>) {
    let wanted = kind.characters_of(number) + CHECKSUM;
    let characters = &body[..body.len().saturating_sub(CHECKSUM)];
    let fault = if body.len() < wanted {
        Some(format!("is too short by {}", wanted - body.len()))
    } else if body.len() > wanted {
        Some(format!("is too long by {}", body.len() - wanted))
    } else if !characters.iter().all(|c| ALPHABET.as_bytes().contains(c)) {
        Some("holds a character that never stands there".into())
    } else if body[characters.len()..] != *checksum(label, characters).as_bytes() {
        Some("does not fit its checksum".into())
    } else {
        None
    };
    (characters, fault)
}

#[cfg(test)]
#[path = "typed_tests.rs"]
mod tests;
