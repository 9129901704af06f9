//! Reading the command line. What looks like a private key on it is not repeated when it is refused.

use crate::cli::args::Args;
use clap::Parser;
use clap::error::{ContextKind, ContextValue, Error};

/// The longest word that an error repeats: a typo is shorter, a key is not.
const LONGEST: usize = 100;

/// Parses the command line; ends the program with what is wrong, or with the help that was asked for.
pub(super) fn read() -> Args {
    Args::try_parse().unwrap_or_else(|error| masked(error).exit())
}

/// `clap` repeats a value that was refused.
fn masked(mut error: Error) -> Error {
    for place in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        if matches!(error.get(place), Some(ContextValue::String(text)) if is_secret(text)) {
            error.insert(place, ContextValue::String("…".into()));
        }
    }
    error
}

fn is_secret(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    text.len() > LONGEST
        || ["AGE-SECRET-KEY-", "AGE-PLUGIN-", "PKEYS-SHARE-", "PRIVATE KEY"].iter().any(|p| upper.contains(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_not_repeated_wherever_it_stands_and_a_typo_is() {
        let said = |words: &[&str]| {
            let error = Args::try_parse_from([&["pkeys"], words].concat()).err().unwrap();
            masked(error).to_string()
        };
        for key in ["AGE-SECRET-KEY-1HUNTER2", "age-secret-key-pq-1HUNTER2", "PKEYS-SHARE-1HUNTER2"] {
            for words in [vec!["host", "add", "web", "--recipient", key], vec!["status", key], vec![key]] {
                let said = said(&words);
                assert!(said.contains("error:") && !said.contains("HUNTER2"), "{said}");
            }
        }
        assert!(said(&["host", "add", "we b"]).contains("we b"));
    }
}
