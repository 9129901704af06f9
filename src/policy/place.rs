//! Where in a file something is wrong.

use crate::base::Error;
use miette::Diagnostic;

/// A mistake in a policy, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, from the repository's root; `built-in …` for one that ships.
    pub file: String,
    /// Line and column in it, from 1, where they are known.
    pub at: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    pub(super) fn new(file: &str, at: Option<(usize, usize)>, message: String, hint: &str) -> Self {
        Self { file: file.into(), at, message, hint: hint.into() }
    }

    /// From what Cedar says of a text.
    pub(super) fn of(file: &str, text: &str, error: &dyn Diagnostic) -> Self {
        let label = error.labels().and_then(|mut labels| labels.next());
        let at = label.as_ref().map(|label| line_and_column(text, label.offset()));
        let expected = label.as_ref().and_then(|label| label.label()).map(|said| format!(": {said}"));
        // Cedar numbers the rules of a file; the place says it better.
        let message = error.to_string();
        let message = message
            .strip_prefix("for policy `")
            .and_then(|rest| rest.split_once("`, "))
            .map_or(&message[..], |(_, rest)| rest);
        let hint =
            error.help().map_or_else(|| "what there is to ask for: docs/policies.md".into(), |help| help.to_string());
        Self { file: file.into(), at, message: format!("{message}{}", expected.unwrap_or_default()), hint }
    }

    /// `policies/mine.cedar:3:12`
    pub fn place(&self) -> String {
        self.at.map_or_else(|| self.file.clone(), |(line, column)| format!("{}:{line}:{column}", self.file))
    }

    /// As the error of a command that cannot ask.
    pub fn error(&self) -> Error {
        Error::new(format!("{}: {}", self.place(), self.message)).hint(&*self.hint)
    }
}

/// Line and column, from 1, of a byte.
pub(super) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}
