//! A key that somebody gives at the host's console.

use age::secrecy::SecretString;
use pkeys_bundle::base::hidden_line::{self, Typed};
use pkeys_bundle::base::{Error, Result, SecretBytes, files};
use pkeys_bundle::{Identity, identity};
use std::io::IsTerminal;
use std::path::Path;

/// No identity is larger.
const MAX_FILE: usize = 1024 * 1024;

/// Reads identities from a file, or with `-` from standard input: from a terminal without echo. A passphrase is asked for at
/// the terminal.
///
/// # Errors
/// If it is not an identity, the passphrase is wrong, or several lines were pasted. What was typed is not repeated, and none of
/// it is left to the shell.
pub fn given(path: &Path) -> Result<Vec<Identity>> {
    let from_input = path == Path::new("-");
    let bytes = match from_input {
        true if std::io::stdin().is_terminal() => {
            ask("Key (AGE-SECRET-KEY-…, not shown)")?.ok_or_else(|| Error::new("no key was given"))?
        }
        true => {
            SecretBytes::from_stdin(MAX_FILE).map_err(|e| Error::new(format!("cannot read the key: {}", e.kind())))?
        }
        false => files::read_secret(path, MAX_FILE)?
            .ok_or_else(|| Error::new(format!("there is no identity at {}", path.display())))?,
    };
    identity::parse(&bytes, if from_input { "standard input" } else { "the file" }, Console)
}

/// Asks at the terminal; `None` without one, or if nothing was given.
#[expect(clippy::disallowed_methods, reason = "the terminal is opened, no file is written")]
fn ask(question: &str) -> Result<Option<SecretBytes>> {
    let opened = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty");
    let Some(mut terminal) = opened.ok().filter(IsTerminal::is_terminal) else { return Ok(None) };
    match hidden_line::read(&mut terminal, question) {
        Ok(Typed::Line(line)) => Ok(Some(line)),
        Ok(Typed::Several) => Err(Error::new("several lines were pasted; nothing of them was taken")
            .hint("paste the one line that begins with AGE-SECRET-KEY-, or name a file: --identity FILE")),
        Ok(Typed::Nothing) | Err(_) => Ok(None),
    }
}

#[derive(Clone)]
struct Console;

impl pkeys_bundle::Callbacks for Console {
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
        let typed = ask(question).ok().flatten()?;
        typed.expose_str().map(|text| SecretString::from(text.to_owned()))
    }
}
