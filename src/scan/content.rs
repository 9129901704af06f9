//! One text, or other bytes: everything in it that does not belong in git.

use crate::scan::found::{Found, digest};
use crate::scan::{env, kind, nix, one_password, private_key, token};
use std::collections::BTreeMap;

/// How a file's name says it is to be read, beside what is looked for in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flavour {
    Nix,
    Env,
    /// `1password-credentials.json`.
    Credentials,
    Other,
}

impl Flavour {
    pub fn of(path: &[u8]) -> Self {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        match name {
            b"1password-credentials.json" => Self::Credentials,
            name if name.ends_with(b".nix") => Self::Nix,
            name if env::is_env(name) => Self::Env,
            _ => Self::Other,
        }
    }
}

/// What was found, by its place, and what could not be looked at.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// With the line, from 1.
    pub found: Vec<(Found, usize)>,
    pub problem: Option<Problem>,
}

/// Why a part was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    NotUtf8,
    TooDeep,
}

/// Looks at bytes. The bytes stay the caller's to wipe.
pub(super) fn look(bytes: &[u8], flavour: Flavour) -> Content {
    let mut content = Content::default();
    // The surer first: what lies within a find of theirs is not found again.
    let mut all = private_key::find(bytes);
    all.extend(token::find_age(bytes));
    all.extend(one_password::find(bytes));
    all.extend(token::find(bytes));
    all.extend(token::find_keys(bytes));
    if matches!(flavour, Flavour::Nix | Flavour::Env) {
        let text = String::from_utf8_lossy(bytes);
        if matches!(text, std::borrow::Cow::Owned(_)) {
            content.problem = Some(Problem::NotUtf8);
        } else if flavour == Flavour::Env {
            all.extend(env::find(&text));
        } else {
            match nix::find(&text) {
                Some(found) => all.extend(found),
                None => content.problem = Some(Problem::TooDeep),
            }
        }
    }
    if flavour == Flavour::Credentials && all.is_empty() {
        all.extend(credentials_by_name(bytes));
    }
    // By where they begin; none overlaps another, so one neighbour on the left tells.
    let mut kept: BTreeMap<usize, Found> = BTreeMap::new();
    for new in all {
        let before = kept.range(..new.span.end).next_back();
        if before.is_none_or(|(_, old)| old.span.end <= new.span.start) {
            kept.insert(new.span.start, new);
        }
    }
    let (mut line, mut seen) = (1, 0);
    for found in kept.into_values() {
        line += bytes[seen..found.span.start].iter().filter(|byte| **byte == b'\n').count();
        seen = found.span.start;
        content.found.push((found, line));
    }
    content
}

/// The file by its name, whatever version wrote it: an object with a part that only this file has, and not encrypted.
fn credentials_by_name(bytes: &[u8]) -> Option<Found> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let parts = value.as_object()?;
    let theirs = ["verifier", "encCredentials", "uniqueKey"].iter().any(|name| parts.contains_key(*name));
    let masked = format!("credentials of a Connect server (in {} bytes)", bytes.len());
    let (kind, span) = (&kind::CREDENTIALS, 0..bytes.len());
    (theirs && !parts.contains_key("sops")).then(|| Found {
        kind,
        span,
        value: digest(bytes),
        masked,
        fingerprint: None,
    })
}

#[cfg(test)]
#[path = "content_tests.rs"]
mod tests;
