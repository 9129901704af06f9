//! A key or a share as lines on paper: a label, groups of characters, a checksum.
//!
//! The checksum is CRC-16/IBM-3740 (reveng's catalogue; polynomial 0x1021, start 0xffff) over the line's label and its
//! characters, as four hexadecimal digits. In a line of 20 characters it finds every wrong character and any two that
//! were exchanged. It guards against slips only: what is authentic, Bech32 and age decide.

use crc::{CRC_16_IBM_3740, Crc};

/// How many characters stand in a group, and how many groups in a line.
const GROUP: usize = 5;
const GROUPS: usize = 4;
/// How many digits a checksum has.
pub const CHECKSUM: usize = 4;

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_3740);

/// What is printed as lines: Bech32 text behind a prefix that is always the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// All that stands before the lines, the `1` with it.
    pub prefix: &'static str,
    /// How many characters follow, Bech32's checksum with them.
    pub characters: usize,
}

/// The key: an age identity of 32 bytes.
pub const KEY: Kind = Kind { prefix: "AGE-SECRET-KEY-1", characters: 58 };
/// The same of a post-quantum key. Its lines look like those of the other; Bech32's checksum tells them apart.
pub const KEY_PQ: Kind = Kind { prefix: "AGE-SECRET-KEY-PQ-1", ..KEY };
/// One share of a key: see `share`.
pub const SHARE: Kind = Kind { prefix: "PKEYS-SHARE-1", characters: 69 };
/// One share of a post-quantum key.
pub const SHARE_PQ: Kind = Kind { prefix: "PKEYS-SHARE-PQ-1", ..SHARE };

impl Kind {
    /// How many lines it has.
    pub const fn lines(&self) -> usize {
        self.characters.div_ceil(GROUP * GROUPS)
    }

    /// How many characters line `number` has; the first is 1.
    pub fn characters_of(&self, number: usize) -> usize {
        (self.characters - (number - 1) * GROUP * GROUPS).min(GROUP * GROUPS)
    }
}

/// One line of the sheet.
pub struct Line<'a> {
    /// `2`, or `3.2` for line 2 of share 3.
    pub label: String,
    /// What is typed.
    pub groups: Vec<&'a str>,
    /// Of the label and the characters.
    pub checksum: String,
}

/// The lines of a key's or a share's text. What is not as long as its kind has fewer lines, never a panic.
pub fn lines<'a>(kind: &Kind, text: &'a str, share: Option<u8>) -> Vec<Line<'a>> {
    let characters = text.strip_prefix(kind.prefix).unwrap_or_default();
    let line = |(index, all): (usize, &'a [u8])| {
        let label = label(share, index + 1);
        let groups = all.chunks(GROUP).filter_map(|group| std::str::from_utf8(group).ok()).collect();
        Line { checksum: checksum(&label, all), label, groups }
    };
    characters.as_bytes().chunks(GROUP * GROUPS).enumerate().map(line).collect()
}

/// What stands before a line.
pub fn label(share: Option<u8>, line: usize) -> String {
    share.map_or_else(|| line.to_string(), |share| format!("{share}.{line}"))
}

/// The checksum of a line: four hexadecimal digits, capitals.
pub fn checksum(label: &str, characters: &[u8]) -> String {
    let mut digest = CRC.digest();
    digest.update(label.as_bytes());
    digest.update(characters);
    format!("{:04X}", digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        // The check value of CRC-16/IBM-3740 in reveng's catalogue; Python: binascii.crc_hqx(b"123456789", 0xffff)
        assert_eq!(checksum("1", b"23456789"), "29B1");
    }

    #[test]
    fn a_key_has_three_lines_and_a_share_four() {
        let key = format!("{}{}", KEY.prefix, "Q".repeat(58));
        let lines = lines(&KEY, &key, None);
        assert_eq!(lines.iter().map(|l| l.label.as_str()).collect::<Vec<_>>(), ["1", "2", "3"]);
        assert_eq!(lines[2].groups, ["QQQQQ", "QQQQQ", "QQQQQ", "QQQ"]);
        assert_eq!((KEY.lines(), SHARE.lines()), (3, 4));
        assert_eq!((KEY.characters_of(3), SHARE.characters_of(1), SHARE.characters_of(4)), (18, 20, 9));
    }
}
