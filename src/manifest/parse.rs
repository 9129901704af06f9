//! Reading `pkeys.toml`: errors name the line and the nearest known key, and never repeat a value.

use crate::base::error::{did_you_mean, is_field_name};
use crate::base::{Error, Result};
use crate::manifest::{MANIFEST_FILE, Manifest};
use serde::de::DeserializeOwned;

const HINT: &str = "see the commented example that `pkeys init` writes, or docs/manifest.md";

/// Parses the text of a manifest.
///
/// # Errors
/// When it is not TOML, has an unknown key, or a value that cannot be.
pub(super) fn parse(text: &str) -> Result<Manifest> {
    let manifest: Manifest = read(MANIFEST_FILE, text, HINT)?;
    is_version_1(MANIFEST_FILE, manifest.version)?;
    Ok(manifest)
}

/// Reads a TOML file of pkeys. An error names the line, the nearest known key or `hint`, and never repeats a value.
///
/// # Errors
/// When it is not TOML, has an unknown key, or a value that cannot be.
pub(crate) fn read<T: DeserializeOwned>(file: &str, text: &str, hint: &str) -> Result<T> {
    toml::from_str(text).map_err(|e| explain(file, text, &e).hint(hint))
}

/// Refuses a file of another version than this program knows.
///
/// # Errors
/// When it is another one.
pub(crate) fn is_version_1(file: &str, version: u32) -> Result<()> {
    if version == 1 {
        return Ok(());
    }
    Err(Error::new(format!("{file} has a version that is not 1"))
        .hint("this pkeys is older than the one that wrote it: update it"))
}

/// The line, counted from 1, of a byte of the text.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1
}

fn explain(file: &str, text: &str, error: &toml::de::Error) -> Error {
    let line = error.span().map_or(1, |span| line_of(text, span.start));
    let at = format!("{file}:{line}");
    let message = error.message();
    if let Some((unknown, known)) = unknown_field(message) {
        let named = if is_field_name(unknown) { format!("unknown key `{unknown}`") } else { "an unknown key".into() };
        let new = Error::new(format!("{at}: {named}"));
        return match did_you_mean(unknown, known.iter().copied()) {
            Some(near) => new.hint(format!("did you mean `{near}`?")),
            None => new.hint(format!("known here: {}", known.join(", "))),
        };
    }
    // A value that does not fit is shown by serde; only what was expected is passed on.
    // From the end: the value may have the same words in it.
    let (what, expected) = message.rsplit_once(", expected ").unwrap_or((message, ""));
    let shows_value = ["invalid type", "invalid value", "unknown variant"].iter().any(|start| what.starts_with(start));
    match (shows_value, expected) {
        (true, "") => Error::new(format!("{at}: a value that does not fit")),
        (true, expected) => Error::new(format!("{at}: expected {expected}")),
        (false, _) if what.starts_with("missing field") || what.starts_with("duplicate key") => {
            Error::new(format!("{at}: {what}"))
        }
        (false, _) if error.span().is_some() && is_ours(message) => Error::new(format!("{at}: {message}")),
        (false, _) => Error::new(format!("{at}: not valid TOML")),
    }
}

/// Whether a message is one of this crate's own, which never repeat what was written.
fn is_ours(message: &str) -> bool {
    ["that ", "not a", "a reference", "a secret", "a host", "an option"].iter().any(|start| message.starts_with(start))
}

/// The parts of serde's "unknown field `x`, expected one of `a`, `b`".
fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let (unknown, known) = message.strip_prefix("unknown field `")?.split_once('`')?;
    Some((unknown, known.split('`').skip(1).step_by(2).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: &str) -> Error {
        parse(text).unwrap_err()
    }

    #[test]
    fn an_unknown_key_names_the_line_and_the_nearest_one() {
        let error = error_of("version = 1\n[hosts.web]\nrecipient = []\n");
        assert_eq!(error.message(), "pkeys.toml:3: unknown key `recipient`");
        assert_eq!(error.next_step(), Some("did you mean `recipients`?"));
        let error = error_of("version = 1\n[secret.a]\n");
        assert_eq!(error.next_step(), Some("did you mean `secrets`?"));
    }

    #[test]
    fn a_value_is_never_repeated() {
        for text in [
            "version = 1\n[hosts.web]\naddress = [\"hunter2\"]",
            "version = 1\n[secrets.a]\nfrom = \"hunter2\"",
            "version = 1\n[secrets.a]\nfrom = \"op://hunter2/\"",
            "version = \"hunter2\"",
            "version = 1\nhunter2 ===",
            "version = 1\n[sources.x]\nkind = \"hunter2\"",
            "version = 1\n[secrets.\"hunter2 x\"]\nfrom = \"age:a\"",
            "version = 1\n[users.ann]\nrotate-every = \"hunter2\"",
            "version = 1\n[users.ann]\nstore = \"hunter2\"",
        ] {
            let error = error_of(text);
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            assert!(error.message().starts_with("pkeys.toml:"), "{error:?}");
        }
    }
}
