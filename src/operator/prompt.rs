//! Asking the operator: on the terminal, never through a pipe, never echoed.

use crate::base::{Error, Result, SecretBytes};
use std::io::{IsTerminal, Write};

/// Somebody who can be asked.
pub trait Prompt: Send + Sync {
    /// Asks for a secret without echo; `None` when there is nobody to ask.
    fn secret(&self, question: &str) -> Option<SecretBytes>;
    /// Asks a yes-or-no question; `None` when there is nobody to ask.
    fn confirm(&self, question: &str) -> Option<bool>;
    /// Shows what an age plugin wants to be seen, such as "touch your key".
    fn show(&self, message: &str);
}

/// The terminal that the program was started from, also when its input and output are pipes.
#[derive(Clone, Copy, Debug)]
pub struct Terminal;

#[expect(clippy::disallowed_methods, reason = "the terminal is opened, no file is written")]
fn open_terminal() -> Option<std::fs::File> {
    std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty").ok().filter(IsTerminal::is_terminal)
}

impl Prompt for Terminal {
    fn secret(&self, question: &str) -> Option<SecretBytes> {
        open_terminal()?;
        rpassword::prompt_password(format!("{question}: ")).ok().map(SecretBytes::from)
    }

    fn confirm(&self, question: &str) -> Option<bool> {
        let mut terminal = open_terminal()?;
        write!(terminal, "{question} [y/N] ").ok()?;
        let mut answer = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(terminal), &mut answer).ok()?;
        Some(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    fn show(&self, message: &str) {
        if let Some(mut terminal) = open_terminal() {
            let _ = writeln!(terminal, "{message}");
        }
    }
}

/// Asks twice for a new passphrase.
///
/// # Errors
/// When there is nobody to ask, the two differ, or it is empty.
pub fn new_passphrase(prompt: &dyn Prompt, what: &str) -> Result<SecretBytes> {
    let nobody = || {
        Error::new(format!("there is no terminal to ask for a passphrase for {what}"))
            .hint("run it in a terminal, or use --no-passphrase")
    };
    let first = prompt.secret(&format!("New passphrase for {what}")).ok_or_else(nobody)?;
    if first.is_empty() {
        return Err(Error::new("an empty passphrase").hint("use --no-passphrase if that is meant"));
    }
    let again = prompt.secret("The same again").ok_or_else(nobody)?;
    if first == again { Ok(first) } else { Err(Error::new("the two passphrases differ").hint("run it again")) }
}
