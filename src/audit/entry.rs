//! One line of the log.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Display;

/// What the first line has for the hash of the line before it.
pub(super) const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What is done, in public words: never a secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    pub(super) name: &'static str,
    pub(super) details: BTreeMap<String, Value>,
}

impl Action {
    /// An action that is called like the command: `key add`.
    pub fn new(name: &'static str) -> Self {
        Self { name, details: BTreeMap::new() }
    }

    /// Adds a name or a fingerprint.
    #[must_use]
    pub fn text(mut self, name: &str, value: impl Display) -> Self {
        self.details.insert(name.into(), value.to_string().into());
        self
    }

    /// Adds several names or fingerprints; an empty list is left out.
    #[must_use]
    pub fn list<T: Display>(mut self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        let values: Vec<_> = values.into_iter().map(|value| Value::from(value.to_string())).collect();
        if !values.is_empty() {
            self.details.insert(name.into(), values.into());
        }
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn number(mut self, name: &str, value: u64) -> Self {
        self.details.insert(name.into(), value.into());
        self
    }
}

/// One line. The order of the fields is the order in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When: RFC 3339, UTC.
    pub time: String,
    /// Who: git's `user.email`, else the login name. Said by the person's machine, and proven by nothing.
    pub who: String,
    /// What: the command.
    pub action: String,
    /// To what.
    #[serde(default)]
    pub details: BTreeMap<String, Value>,
    /// How many bytes of an unfinished line were removed before this one was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub torn: Option<usize>,
    /// The hashes of other lines that nothing continued yet: the ends of branches that were merged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merges: Vec<String>,
    /// SHA-256 of the line before, with its newline, in hex; 64 zeros in the first line.
    pub previous: String,
}

impl Entry {
    /// The line, with its newline.
    pub(super) fn to_line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("an entry has only names and numbers");
        line.push('\n');
        line
    }

    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}
