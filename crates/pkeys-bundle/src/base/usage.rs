//! Errors in a command line, for both programs. What may be a secret on it is not repeated when it is refused.

use crate::base::error::is_field_name;
use crate::base::masking::{Masks, of_this_process};
use crate::base::printable;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

/// The longest word that an error repeats: a typo is shorter, a key is not.
const LONGEST: usize = 100;
const NEVER_AS_ARGUMENT: &str =
    "hint: other users see arguments, and the shell remembers them: replace that secret, and pass it on standard input";

/// Explains an error in this process's command line, in lines that are fit for a terminal.
pub fn explained(error: Error) -> String {
    without(error, of_this_process())
}

/// Explains an error. Nothing of a command line that holds one of these secrets is repeated, since `clap` shows parts of it
/// in many ways.
pub fn without(mut error: Error, secrets: &Masks) -> String {
    if !secrets.is_empty() {
        return format!("error: {}, and an argument looks like a secret\n\n{NEVER_AS_ARGUMENT}", error.kind());
    }
    for (place, shows) in [
        (ContextKind::InvalidValue, is_short as fn(&str) -> bool),
        (ContextKind::InvalidArg, is_option),
        (ContextKind::InvalidSubcommand, is_field_name),
    ] {
        if matches!(error.get(place), Some(ContextValue::String(text)) if !shows(text)) {
            error.insert(place, ContextValue::String("…".into()));
            // A tip has it too.
            if error.kind() == ErrorKind::UnknownArgument {
                error.remove(ContextKind::Suggested);
            }
        }
    }
    let lines = error.to_string();
    lines.lines().map(|line| printable(line).into_owned() + "\n").collect()
}

fn is_short(text: &str) -> bool {
    text.len() <= LONGEST
}

/// A value where none belongs may be the secret itself.
fn is_option(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || " -_<>[].|='\"".contains(c);
    text.starts_with(['-', '<', '[']) && is_short(text) && text.chars().all(plain)
}
