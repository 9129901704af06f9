//! `secret generate`: a random value that nobody has seen.

use crate::base::{Error, Result, SecretBytes};
use crate::cli::args::SecretGenerate;
use crate::cli::{context::Context, secret};
use bip39::Language;
use rand::distributions::Alphanumeric;
use rand::rngs::OsRng;
use rand::{Rng, RngCore};

pub(super) fn run(context: &Context, args: &SecretGenerate) -> Result<bool> {
    let name = &args.set.name;
    let repository = context.repository()?;
    secret::must_be_local(&repository, name)?;
    if !args.force && repository.secret_file(name).exists() {
        return Err(Error::new(format!("{name} has a value already")).hint("add --force to replace it"));
    }
    let value = match (args.bytes, args.words) {
        (Some(number), _) => bytes(number.into()),
        (None, Some(number)) => words(number.into()),
        (None, None) => letters(args.length.into()),
    };
    secret::save(context, &args.set, &value)
}

/// Letters and digits: 5.95 bits each.
fn letters(number: usize) -> SecretBytes {
    let mut value = SecretBytes::with_capacity(number);
    for _ in 0..number {
        value.extend(&[OsRng.sample(Alphanumeric)]);
    }
    value
}

fn bytes(number: usize) -> SecretBytes {
    let mut bytes = vec![0; number];
    OsRng.fill_bytes(&mut bytes);
    SecretBytes::new(bytes)
}

/// Words of the BIP 39 English list: 11 bits each.
fn words(number: usize) -> SecretBytes {
    let list = Language::English.word_list();
    let mut value = SecretBytes::with_capacity(number * 9);
    for place in 0..number {
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
        assert_eq!(bytes(16).len(), 16);
        let text = letters(1000);
        assert!(text.len() == 1000 && text.expose().iter().all(u8::is_ascii_alphanumeric));
        assert_eq!(words(6).expose_str().unwrap().split('-').count(), 6);
        assert_ne!(letters(32), letters(32));
    }
}
