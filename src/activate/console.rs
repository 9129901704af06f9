//! A key that somebody gives at the host's console.

use crate::base::{Error, Result, SecretBytes, files};
use crate::bundle::{self, Identity, identity};
use age::secrecy::SecretString;
use std::io::IsTerminal;
use std::path::Path;

/// No identity is larger.
const MAX_FILE: usize = 1024 * 1024;

/// Reads identities from a file, or with `-` from standard input: from a terminal without echo. A passphrase is asked for at
/// the terminal.
///
/// # Errors
/// When it is no identity, or the passphrase is wrong. What was typed is not repeated.
pub fn given(path: &Path) -> Result<Vec<Identity>> {
    let from_input = path == Path::new("-");
    let bytes = match from_input {
        true if std::io::stdin().is_terminal() => rpassword::prompt_password("Key (AGE-SECRET-KEY-…, not shown): ")
            .map(SecretBytes::from)
            .map_err(|_| Error::new("no key was given"))?,
        true => {
            SecretBytes::from_stdin(MAX_FILE).map_err(|e| Error::new(format!("cannot read the key: {}", e.kind())))?
        }
        false => files::read_secret(path, MAX_FILE)?
            .ok_or_else(|| Error::new(format!("there is no identity at {}", path.display())))?,
    };
    identity::parse(&bytes, if from_input { "standard input" } else { "the file" }, Console)
}

#[derive(Clone)]
struct Console;

impl bundle::Callbacks for Console {
    fn may_run(&self, _: &str) -> Result<()> {
        Ok(())
    }
}

impl age::Callbacks for Console {
    fn display_message(&self, _: &str) {}

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn request_public_string(&self, _: &str) -> Option<String> {
        None
    }

    fn request_passphrase(&self, question: &str) -> Option<SecretString> {
        rpassword::prompt_password(format!("{question}: ")).ok().map(SecretString::from)
    }
}
