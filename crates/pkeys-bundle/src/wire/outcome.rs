//! What an activation did: data, for the programs that print it.

use crate::base::Error;
use serde::{Deserialize, Serialize};

/// How an activation ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// All is in place.
    Done,
    /// Nothing was changed.
    #[default]
    Failed,
    /// Authorized keys are installed; the previous secrets stay.
    KeysOnly,
    /// In place, but for what [`Outcome::problems`] names.
    Degraded,
    /// What a newer program says.
    #[serde(other)]
    Unknown,
}

impl Status {
    /// The program's exit status.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed | Self::Unknown => 1,
            Self::KeysOnly => 3,
            Self::Degraded => 4,
        }
    }
}

/// What an activation did, or with a dry run would do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// The bundle that was installed.
    pub bundle: Option<String>,
    /// Its generation.
    pub generation: Option<u64>,
    /// How many secrets are installed.
    pub secrets: usize,
    /// How many templates are installed.
    pub templates: usize,
    /// How many users have authorized keys.
    pub users: usize,
    /// Files that were not there before: `secrets/NAME`, `templates/NAME`, `authorized_keys/USER`.
    pub added: Vec<String>,
    /// Files with other bytes, owner or mode than before.
    pub changed: Vec<String>,
    /// Files that are gone.
    pub removed: Vec<String>,
    /// Units to restart because of that.
    pub restart_units: Vec<String>,
    /// Units to reload because of that.
    pub reload_units: Vec<String>,
    /// Candidates that did not count, with the reason; one line each.
    pub rejected: Vec<String>,
    /// What was set apart or failed, with the reason; one line each.
    pub problems: Vec<String>,
    /// Worth knowing; one line each.
    pub notes: Vec<String>,
}

impl Outcome {
    /// That of an activation that could not begin.
    pub fn failed(error: &Error) -> Self {
        Self { problems: vec![error.one_line()], ..Self::default() }
    }
}
