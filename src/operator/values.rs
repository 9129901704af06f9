//! Random values that nobody has seen, from the system's randomness.

use crate::base::SecretBytes;
use bip39::Language;
use rand::distributions::Alphanumeric;
use rand::rngs::OsRng;
use rand::{Rng, RngCore};
use std::num::NonZeroU16;

/// Letters and digits: 5.95 bits each.
pub fn random_letters(number: NonZeroU16) -> SecretBytes {
    let mut value = SecretBytes::with_capacity(usize::from(number.get()));
    for _ in 0..number.get() {
        value.extend(&[OsRng.sample(Alphanumeric)]);
    }
    value
}

/// Bytes of any value.
pub fn random_bytes(number: NonZeroU16) -> SecretBytes {
    let mut bytes = vec![0; usize::from(number.get())];
    OsRng.fill_bytes(&mut bytes);
    SecretBytes::new(bytes)
}

/// Words of the BIP 39 English list, joined by `-`: 11 bits each.
pub fn random_words(number: NonZeroU16) -> SecretBytes {
    let list = Language::English.word_list();
    let mut value = SecretBytes::with_capacity(usize::from(number.get()) * 9);
    for place in 0..number.get() {
        if place > 0 {
            value.extend(b"-");
        }
        value.extend(list[OsRng.gen_range(0..list.len())].as_bytes());
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_size_and_alphabet_that_was_asked_for() {
        let number = |number| NonZeroU16::new(number).unwrap();
        assert_eq!(random_bytes(number(16)).len(), 16);
        let text = random_letters(number(1000));
        assert!(text.len() == 1000 && text.expose().iter().all(u8::is_ascii_alphanumeric));
        assert_eq!(random_words(number(6)).expose_str().unwrap().split('-').count(), 6);
        assert_ne!(random_letters(number(32)), random_letters(number(32)));
    }
}
