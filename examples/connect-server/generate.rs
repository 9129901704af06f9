//! New ids, and values made after a recipe.

use rand_core::{OsRng, RngCore};

use crate::item::Recipe;
use crate::reply::Refusal;

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const SYMBOLS: &str = "!@.-_*";

/// 26 characters `[a-z2-7]`, as 1Password makes them.
pub(crate) fn id() -> String {
    pick(&"abcdefghijklmnopqrstuvwxyz234567".chars().collect::<Vec<_>>(), 26)
}

/// A random version 4 UUID.
pub(crate) fn uuid() -> String {
    let mut bytes = [0u8; 16];
    OsRng.fill_bytes(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A new value and its entropy in bits.
pub(crate) fn value(recipe: &Recipe) -> Result<(String, f64), Refusal> {
    if !(1..=64).contains(&recipe.length) {
        return Err(Refusal::bad_request("Invalid recipe: length must be between 1 and 64"));
    }
    let mut alphabet = String::new();
    for set in &recipe.character_sets {
        alphabet.push_str(match set.as_str() {
            "LETTERS" => LETTERS,
            "DIGITS" => DIGITS,
            "SYMBOLS" => SYMBOLS,
            _ => return Err(Refusal::bad_request("Invalid recipe: unknown character set")),
        });
    }
    if alphabet.is_empty() {
        alphabet = [LETTERS, DIGITS, SYMBOLS].concat();
    }
    let letters: Vec<char> = alphabet.chars().filter(|letter| !recipe.exclude_characters.contains(*letter)).collect();
    if letters.is_empty() {
        return Err(Refusal::bad_request("Invalid recipe: no characters left"));
    }
    let entropy = recipe.length as f64 * (letters.len() as f64).log2();
    Ok((pick(&letters, recipe.length), entropy))
}

/// `length` characters, each equally likely.
fn pick(letters: &[char], length: usize) -> String {
    let count = u32::try_from(letters.len()).unwrap_or(1);
    let fair = u32::MAX - u32::MAX % count;
    std::iter::repeat_with(|| OsRng.next_u32())
        .filter(|number| *number < fair)
        .take(length)
        .map(|number| letters[(number % count) as usize])
        .collect()
}
