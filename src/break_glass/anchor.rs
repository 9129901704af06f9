//! What a sheet says about who signs: the fleet's id and the fingerprint of the break-glass signer, as lines to type.
//!
//! Both are public. They are on paper because a machine without pins has nothing else that a committer could not change.

use super::lines::{CHECKSUM, checksum};
use crate::base::{Error, FleetId, Result, SecretBytes};
use ssh_key::Fingerprint;

const FLEET: &str = "F";
/// The two halves of the fingerprint.
const SIGNER: [&str; 2] = ["S1", "S2"];
/// What precedes a fingerprint; not typed in lines.
const SHA256: &str = "SHA256:";
/// How many of the fingerprint's 43 characters are in its first line.
const FIRST_HALF: usize = 22;
const GROUP: usize = 4;
const WRONG: &str = "compare with the sheet, character by character; capitals matter in S1 and S2";

/// What bundles are verified against on a machine without pins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The fleet's id.
    pub fleet: FleetId,
    /// The fingerprint of the break-glass signer, `SHA256:…`.
    pub signer: String,
}

/// As much of an [`Anchor`] as a person gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypedAnchor {
    /// The fleet's id.
    pub fleet: Option<FleetId>,
    /// The fingerprint of the break-glass signer.
    pub signer: Option<String>,
}

impl Anchor {
    /// The lines of a sheet: label, groups and checksum.
    pub fn lines(&self) -> [(&'static str, String, String); 3] {
        let (first, second) = self.signer.trim_start_matches(SHA256).split_at_checked(FIRST_HALF).unwrap_or_default();
        let line = |label, text: &str| {
            let groups: Vec<_> = text.as_bytes().chunks(GROUP).map(String::from_utf8_lossy).collect();
            (label, groups.join(" "), checksum(label, text.as_bytes()))
        };
        [line(FLEET, self.fleet.as_str()), line(SIGNER[0], first), line(SIGNER[1], second)]
    }
}

impl TypedAnchor {
    /// Takes the lines F, S1 and S2 and whole fingerprints (`SHA256:…`) out of what was typed. Returns them and the rest.
    ///
    /// # Errors
    /// If a line is mistyped, or was given twice and differs.
    pub fn take(given: &SecretBytes) -> Result<(Self, SecretBytes)> {
        let mut typed = Self::default();
        let mut halves: [Option<String>; 2] = [None, None];
        let mut rest = SecretBytes::with_capacity(given.len() + 1);
        // Of an encrypted file no line is text.
        let Some(text) = given.expose_str() else { return Ok((typed, SecretBytes::copy_of(given.expose()))) };
        for line in text.split_inclusive('\n') {
            let word = line.split_whitespace().next().unwrap_or_default();
            let label = word.trim_end_matches(['.', ':', ')']).to_ascii_uppercase();
            if label == FLEET {
                let fleet = body(line, FLEET)?.to_ascii_lowercase();
                typed.set_fleet(FleetId::new(fleet).map_err(|_| wrong(FLEET))?)?;
            } else if let Some(half) = SIGNER.iter().position(|signer| *signer == label) {
                let text = body(line, SIGNER[half])?;
                if halves[half].replace(text.clone()).is_some_and(|before| before != text) {
                    return Err(differs(SIGNER[half]));
                }
            } else if word.starts_with(SHA256) {
                typed.set_signer(parse_signer(line.trim())?)?;
            } else {
                rest.extend(line.as_bytes());
            }
        }
        match halves {
            [None, None] => {}
            [Some(first), Some(second)] => {
                typed.set_signer(parse_signer(&format!("{SHA256}{first}{second}")).map_err(|_| wrong("S1 or S2"))?)?;
            }
            [None, Some(_)] => return Err(Error::new("line S1 is missing").hint(WRONG)),
            [Some(_), None] => return Err(Error::new("line S2 is missing").hint(WRONG)),
        }
        Ok((typed, rest))
    }

    /// Sets the fleet.
    ///
    /// # Errors
    /// If another one was given before.
    pub fn set_fleet(&mut self, fleet: FleetId) -> Result<()> {
        match self.fleet.replace(fleet.clone()) {
            Some(before) if before != fleet => Err(differs(FLEET)),
            _ => Ok(()),
        }
    }

    /// Sets the signer.
    ///
    /// # Errors
    /// If another one was given before.
    pub fn set_signer(&mut self, signer: String) -> Result<()> {
        match self.signer.replace(signer.clone()) {
            Some(before) if before != signer => Err(differs("S1 or S2")),
            _ => Ok(()),
        }
    }
}

/// Reads `SHA256:…`, the fingerprint of an SSH key.
///
/// # Errors
/// If it is not one.
pub fn parse_signer(text: &str) -> Result<String> {
    match text.parse::<Fingerprint>() {
        Ok(fingerprint) if fingerprint.is_sha256() => Ok(fingerprint.to_string()),
        _ => Err(Error::new("invalid fingerprint of a signer").hint("the sheet has it: SHA256: and 43 characters")),
    }
}

/// The characters of a line, once they fit its checksum.
fn body(line: &str, label: &str) -> Result<String> {
    let words = line.split_whitespace().skip(1);
    let all: String = words.flat_map(str::chars).filter(|c| *c != '-').collect();
    let (text, sum) = all.split_at_checked(all.len().saturating_sub(CHECKSUM)).ok_or_else(|| wrong(label))?;
    // Its characters are small letters on the sheet, whatever was typed.
    let text = if label == FLEET { text.to_ascii_lowercase() } else { text.to_owned() };
    if sum.eq_ignore_ascii_case(&checksum(label, text.as_bytes())) { Ok(text) } else { Err(wrong(label)) }
}

fn wrong(label: &str) -> Error {
    Error::new(format!("line {label} does not fit its checksum")).hint(WRONG)
}

fn differs(label: &str) -> Error {
    Error::new(format!("line {label} was given twice and differs"))
        .hint("all sheets of one key have the same lines F, S1 and S2")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor() -> Anchor {
        let signer = "SHA256:uNiVztksCsDhcc0u9e8BrrftZ1T9AmzvlAxVTb7Z0BE".to_owned();
        Anchor { fleet: FleetId::new("0123456789abcdef0123456789abcdef").unwrap(), signer }
    }

    fn sheet() -> String {
        anchor().lines().map(|(label, groups, sum)| format!("{label} {groups} {sum}\n")).concat()
    }

    fn take(text: &str) -> Result<(TypedAnchor, SecretBytes)> {
        TypedAnchor::take(&SecretBytes::copy_of(text.as_bytes()))
    }

    #[test]
    fn what_is_printed_is_read_again_in_any_order_and_among_other_lines() {
        let whole = TypedAnchor { fleet: Some(anchor().fleet), signer: Some(anchor().signer) };
        let sheet = sheet();
        let mut lines: Vec<_> = sheet.lines().collect();
        lines.reverse();
        let (typed, rest) = take(&format!("1 QQQQQ\n{}\n2 PPPPP\n{sheet}", lines.join("\n"))).unwrap();
        assert_eq!((typed, rest.expose()), (whole.clone(), &b"1 QQQQQ\n2 PPPPP\n"[..]));
        // The fleet's digits in capitals, labels in small letters, without spaces.
        let careless = sheet.replacen("F 0123 4567", "f: 01234567", 1).replace("abcd", "ABCD").replace("S1", "s1");
        assert_eq!(take(&careless).unwrap().0, whole);
        let pasted = take(&format!("{}\n", anchor().signer)).unwrap().0;
        assert_eq!(pasted, TypedAnchor { fleet: None, signer: Some(anchor().signer) });
        assert_eq!(take("1 QQQQQ").unwrap().0, TypedAnchor::default());
    }

    #[test]
    fn a_mistyped_line_is_named_and_not_repeated() {
        for (from, to, line) in [("0123", "0124", "F"), ("uNiV", "uniV", "S1"), (" E ", " e ", "S2")] {
            let error = take(&sheet().replacen(from, to, 1)).unwrap_err();
            assert_eq!(error.message(), format!("line {line} does not fit its checksum"));
        }
        let sheet = sheet();
        let half = sheet.lines().take(2).collect::<Vec<_>>().join("\n");
        assert_eq!(take(&half).unwrap_err().message(), "line S2 is missing");
        let other = Anchor { fleet: FleetId::random(), ..anchor() };
        let line = other.lines().map(|(label, groups, sum)| format!("{label} {groups} {sum}\n")).concat();
        assert_eq!(take(&(sheet + &line)).unwrap_err().message(), "line F was given twice and differs");
    }
}
