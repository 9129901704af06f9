//! Asking the operator: on the terminal, never through a pipe; secrets without echo.

use crate::base::hidden_line::{self, Typed};
use crate::base::{Error, Result, SecretBytes, printable};
use std::io::{IsTerminal, Write};

/// Somebody who can be asked.
pub trait Prompt: Send + Sync {
    /// Asks for a secret without echo; `None` when there is nobody to ask, or they give up.
    ///
    /// # Errors
    /// If several lines were pasted: none of them is taken, and none is left to whatever reads the terminal next.
    fn secret(&self, question: &str) -> Result<Option<SecretBytes>>;
    /// Asks a yes-or-no question; `None` when there is nobody to ask.
    fn confirm(&self, question: &str) -> Option<bool>;
    /// Shows what an age plugin wants to be seen, such as "touch your key".
    fn show(&self, message: &str);
}

/// The terminal that the program was started from, also when its input and output are pipes. What it shows passes
/// [`printable`].
#[derive(Clone, Copy, Debug)]
pub struct Terminal;

#[expect(clippy::disallowed_methods, reason = "the terminal is opened, no file is written")]
fn open_terminal() -> Option<std::fs::File> {
    std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty").ok().filter(IsTerminal::is_terminal)
}

impl Prompt for Terminal {
    fn secret(&self, question: &str) -> Result<Option<SecretBytes>> {
        let Some(mut terminal) = open_terminal() else { return Ok(None) };
        match hidden_line::read(&mut terminal, question) {
            Ok(Typed::Line(line)) => Ok(Some(line)),
            Ok(Typed::Several) => Err(Error::new("several lines were pasted; nothing of them was taken")),
            Ok(Typed::Nothing) | Err(_) => Ok(None),
        }
    }

    fn confirm(&self, question: &str) -> Option<bool> {
        use rustix::termios::{QueueSelector, tcflush};
        let mut terminal = open_terminal()?;
        write!(terminal, "{} [y/N] ", printable(question)).ok()?;
        let mut answer = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(&terminal), &mut answer).ok()?;
        // The rest of a paste answers no other question, and no shell runs it.
        let _ = tcflush(&terminal, QueueSelector::IFlush);
        Some(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    fn show(&self, message: &str) {
        if let Some(mut terminal) = open_terminal() {
            let _ = writeln!(terminal, "{}", printable(message));
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
    let ask =
        |question: &str| prompt.secret(question).map_err(|e| e.hint("a passphrase is one line"))?.ok_or_else(nobody);
    let first = ask(&format!("New passphrase for {what}"))?;
    if first.is_empty() {
        return Err(Error::new("an empty passphrase").hint("use --no-passphrase if that is meant"));
    }
    let again = ask("The same again")?;
    if first == again { Ok(first) } else { Err(Error::new("the two passphrases differ").hint("run it again")) }
}
