//! What a host has, as it says itself.

use crate::base::Error;
use crate::{FORMAT_1, FORMAT_2};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a report calls itself; another shape gets another number.
pub const REPORT_FORMAT: &str = "pkeys-report/1";

/// What a host says of itself. Public.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    /// Always [`REPORT_FORMAT`].
    pub format: String,
    /// The version of `pkeys-activate`.
    pub version: String,
    /// The bundle formats that this program takes.
    pub formats: Vec<String>,
    /// The host's name in its spec.
    pub host: String,
    /// The fleet that the host belongs to: of its spec, or else of its system's own bundle. `None` while it takes only
    /// bundles of format 1.
    pub fleet: Option<String>,
    /// Why there is no report.
    pub error: Option<String>,
    /// What to do about that.
    pub hint: Option<String>,
    /// The best bundle that a trusted signer signed for this host.
    pub candidate: Option<Candidate>,
    /// Why other candidates do not count: one line each.
    pub rejected: Vec<String>,
    /// What the files under `/run/pkeys` were made from; `None` when nothing is installed.
    pub installed: Option<Installed>,
    /// Every file that the candidate and the spec want, as `secrets/NAME`, with what is wrong with it: one line each.
    pub files: BTreeMap<String, Vec<String>>,
    /// What is wrong otherwise: one line each.
    pub problems: Vec<String>,
    /// The lines of the installed authorized keys, by user.
    pub authorized_keys: BTreeMap<String, Vec<String>>,
    /// The public halves of the host's identities, as a bundle's manifest names recipients.
    pub identities: Vec<String>,
    /// The states of pkeys' own units and of those that the spec names; `None` where systemd does not say.
    pub units: Option<BTreeMap<String, String>>,
}

/// The best bundle of a host, with its public half whole: the operator can verify it, and see what it would replace.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Candidate {
    /// Its generation.
    pub generation: u64,
    /// The digest of its encrypted half, as its public manifest has it: two bundles of one generation differ in it.
    pub payload: String,
    /// The SHA-256 of `manifest.json`, in lower-case hex.
    pub sha256: String,
    /// The text of `manifest.json`.
    pub manifest: String,
    /// The text of `manifest.json.sig`.
    pub signature: String,
}

/// The generations of the bundles that the installed files were made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Installed {
    /// Of the secrets and templates; `None` before the first installation.
    pub secrets: Option<u64>,
    /// Of the authorized keys; `None` where they are not installed.
    pub authorized_keys: Option<u64>,
    /// Units to restart that could not be queued: the next activation does it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restart_owed: Vec<String>,
    /// The same, to reload.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reload_owed: Vec<String>,
}

impl Report {
    /// An empty one of this version of the host's program.
    pub fn new(version: &str, host: &str) -> Self {
        Self {
            format: REPORT_FORMAT.into(),
            version: version.into(),
            formats: vec![FORMAT_1.into(), FORMAT_2.into()],
            host: host.into(),
            ..Self::default()
        }
    }

    /// The answer when nothing can be said.
    pub fn failed(version: &str, error: &Error) -> Self {
        let (message, hint) = (error.message().to_owned(), error.next_step().map(Into::into));
        Self { error: Some(message), hint, ..Self::new(version, "") }
    }
}
