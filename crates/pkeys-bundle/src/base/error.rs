//! One error type: what is wrong, and apart from it what to do next.

use std::fmt;

/// What this crate's functions return.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, in words for the person at the terminal.
///
/// Neither text ever holds content that failed to parse: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    message: String,
    hint: Option<String>,
    io: bool,
}

impl Error {
    /// An error that says what is wrong.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, io: false }
    }

    /// Adds what to do next. The hint nearest to the cause wins: a second call changes nothing.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Puts what was being done in front of the message.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// What is wrong, without the hint.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do next, if there is something.
    pub fn next_step(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether a file is there and could not be read or written: what it holds is not known, and may be good.
    pub fn is_io(&self) -> bool {
        self.io
    }

    /// What is wrong, and in brackets what to do next: for lists that have one line for each fact.
    pub fn one_line(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{} ({hint})", self.message),
            None => self.message.clone(),
        }
    }

    /// An input or output error, with the file that it was about and the next step for the usual causes.
    pub fn io(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull};
        let message = match error.kind() {
            NotFound => "no such file or directory".into(),
            PermissionDenied => "permission denied".into(),
            ReadOnlyFilesystem => "the file system is read-only".into(),
            StorageFull => "no space left on the device".into(),
            _ => error.to_string(),
        };
        let new = Self { io: true, ..Self::new(format!("cannot {doing} {}: {message}", path.display())) };
        match error.kind() {
            StorageFull => new.hint("free some space and run it again; nothing was changed"),
            ReadOnlyFilesystem => new.hint("mount it writable and run it again; nothing was changed"),
            PermissionDenied => new.hint("check the owner and mode of the file and of its directory"),
            _ => new,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Whether what was written where a field's name belongs can be repeated. What does not look like such a name may be
/// anything, a secret too.
pub fn is_field_name(written: &str) -> bool {
    (1..=32).contains(&written.len()) && written.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}

/// The nearest of `known` to what was written, for "did you mean".
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // One typing error in three letters, and always one.
    let near = (written.chars().count() / 3).max(1);
    let distance = |name: &'a str| (strsim::damerau_levenshtein(written, name), name);
    known.into_iter().map(distance).filter(|(far, _)| *far <= near).min_by_key(|(far, _)| *far).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_nearest_to_the_cause_wins() {
        let error = Error::new("broken").hint("first").hint("second").context("doing");
        assert_eq!(error.message(), "doing: broken");
        assert_eq!(error.next_step(), Some("first"));
    }

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["recipients", "address", "tags"];
        assert_eq!(did_you_mean("recipient", known), Some("recipients"));
        assert_eq!(did_you_mean("zzz", known), None);
        assert_eq!(did_you_mean("wbe", ["db", "web"]), Some("web"));
    }
}
