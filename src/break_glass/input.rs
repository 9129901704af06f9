//! What a person gives as the break-glass key: a file's bytes or what was typed, recognized by itself.

use super::lines::{KEY, KEY_PQ, Kind, SHARE, SHARE_PQ};
use super::typed::{TypedLine, join};
use super::{BreakGlassIdentity, Share};
use crate::base::{Error, Result, SecretBytes};

/// What was given.
#[derive(Debug)]
pub enum Input {
    /// The key itself: an age identity, or the sheet's lines.
    Identity(BreakGlassIdentity),
    /// An age file behind a passphrase: `bundle::identity::parse` opens it.
    Locked(SecretBytes),
    /// One or more shares, for `combine`.
    Shares(Vec<Share>),
}

/// Recognizes what was given: an age identity (with or without comments), an age file behind a passphrase, the sheet's
/// lines (in any order if numbered), or shares, as lines (`2.1 …`) or whole (`PKEYS-SHARE-1…`, as the code is read).
///
/// # Errors
/// When it is none of these, or something was mistyped or is missing; then it is named by its number, never repeated.
pub fn parse_input(given: &SecretBytes) -> Result<Input> {
    let bytes = given.expose().trim_ascii();
    if bytes.starts_with(b"age-encryption.org/") || bytes.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
        return Ok(Input::Locked(SecretBytes::copy_of(given.expose())));
    }
    if bytes.starts_with(b"-----BEGIN") {
        return Err(Error::new("that is not a break-glass key, but a key of another kind").hint(WANTED));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Error::new("that is not a break-glass key").hint(WANTED))?;
    let mut keys = Vec::new();
    let mut shares = Vec::new();
    let mut lines = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(whole) = whole(&KEY, line).or_else(|| whole(&KEY_PQ, line)) {
            keys.extend(whole);
        } else if let Some(whole) = whole(&SHARE, line).or_else(|| whole(&SHARE_PQ, line)) {
            shares.extend(whole);
        } else {
            lines.push(TypedLine::read(line));
        }
    }
    match (&keys[..], &shares[..], &lines[..]) {
        ([], [], []) => Err(Error::new("nothing was given").hint(WANTED)),
        ([key], [], []) => Ok(Input::Identity(BreakGlassIdentity::parse(key.expose_str().unwrap_or_default())?)),
        ([], [], lines) if lines.iter().all(|line| line.label.is_none_or(|label| label.share.is_none())) => {
            let lines: Vec<_> = lines.iter().collect();
            let read = |kind| BreakGlassIdentity::parse(join(kind, None, &lines)?.expose_str().unwrap_or_default());
            // The lines do not say which kind of key they are of; its checksum does.
            Ok(Input::Identity(read(&KEY_PQ).or_else(|_| read(&KEY))?))
        }
        ([], shares, lines) => typed_shares(shares, lines).map(Input::Shares),
        ([_, _, ..], [], []) => Err(Error::new("that holds more than one key").hint("give the break-glass key alone")),
        _ => Err(Error::new("that holds a key and other lines").hint(WANTED)),
    }
}

const WANTED: &str = "give the age identity (AGE-SECRET-KEY-1… or AGE-SECRET-KEY-PQ-1…), its file behind a passphrase, \
                      the lines of the sheet, or the shares";

/// What is `PREFIX…` as a whole, in capitals and without spaces. The prefix alone, as it stands above the sheet's lines,
/// says nothing: then there is nothing inside.
fn whole(kind: &Kind, line: &str) -> Option<Option<SecretBytes>> {
    let mut text = SecretBytes::with_capacity(line.len());
    line.bytes().filter(|b| !b.is_ascii_whitespace()).for_each(|b| text.extend(&[b.to_ascii_uppercase()]));
    text.expose().starts_with(kind.prefix.as_bytes()).then(|| (text.len() > kind.prefix.len()).then_some(text))
}

/// Shares given whole come first, then those typed as lines, in the order of their numbers.
fn typed_shares(whole: &[SecretBytes], lines: &[TypedLine]) -> Result<Vec<Share>> {
    let mut shares = Vec::new();
    for (index, text) in whole.iter().enumerate() {
        let context = |e: Error| e.context(format!("the share given as number {} of {}", index + 1, whole.len()));
        shares.push(Share::parse(text.expose_str().unwrap_or_default()).map_err(context)?);
    }
    let number = |line: &TypedLine| line.label.and_then(|label| label.share);
    if lines.iter().any(|line| number(line).is_none()) {
        return Err(Error::new("a line of a share has no number")
            .hint("type the number before each line, such as 2.1, with a space behind it"));
    }
    let mut numbers: Vec<u8> = lines.iter().filter_map(number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let (mut wrong, mut hint) = (Vec::new(), None);
    for share in numbers {
        let own: Vec<_> = lines.iter().filter(|line| number(line) == Some(share)).collect();
        match one_share(share, &own) {
            Ok(found) => shares.push(found),
            Err(error) => {
                wrong.push(error.message().to_owned());
                hint = hint.or_else(|| error.next_step().map(str::to_owned));
            }
        }
    }
    match hint {
        Some(hint) => Err(Error::new(wrong.join("; ")).hint(hint)),
        None => Ok(shares),
    }
}

fn one_share(number: u8, lines: &[&TypedLine]) -> Result<Share> {
    let read = |kind| {
        let text = join(kind, Some(number), lines)?;
        Share::parse(text.expose_str().unwrap_or_default()).map_err(|e| e.context(format!("share {number}")))
    };
    let share = read(&SHARE_PQ).or_else(|_| read(&SHARE))?;
    if share.number() == number {
        return Ok(share);
    }
    Err(Error::new(format!("the lines typed as share {number} are of share {}", share.number()))
        .hint("type the numbers as they stand on the sheet"))
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
