//! What a generation in memory was made from: a small public file beside its folders, for `pkeys-activate report`.

use crate::tree;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};

/// Its name in the generation's directory.
pub(super) const RECORD: &str = "generation";

const MAX_RECORD: u64 = 1024 * 1024;

/// The generations of the bundles that a generation in memory was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Record {
    /// Of the secrets and templates; `None` when there are none yet.
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

impl Record {
    /// That of a generation's directory; nothing is known where an older pkeys-activate made it.
    ///
    /// # Errors
    /// Says in a line that it cannot be read.
    pub(super) fn read(generation: &OwnedFd) -> Result<Self, String> {
        let unreadable = |why: String| format!("what the installed files were made from cannot be read: {why}");
        let bytes = tree::read(generation.as_fd(), OsStr::new(RECORD), MAX_RECORD);
        match bytes.map_err(|e| unreadable(e.to_string()))? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|_| unreadable("it is damaged".into())),
            None => Ok(Self::default()),
        }
    }

    /// Takes note of the units that an earlier activation owes, to restart and to reload them too.
    pub(super) fn collect_owed(&self, restart: &mut Vec<String>, reload: &mut Vec<String>) {
        for (units, owed) in [(restart, &self.restart_owed), (reload, &self.reload_owed)] {
            units.extend(owed.iter().cloned());
            units.sort();
            units.dedup();
        }
    }

    /// The file: one line.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("a record has numbers and names");
        bytes.push(b'\n');
        bytes
    }
}
