//! What a generation in memory was made from: a small public file beside its folders, for `pkeys-activate report`.

use crate::activate::tree;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};

/// Its name in the generation's directory.
pub(super) const RECORD: &str = "generation";

const MAX_RECORD: u64 = 4096;

/// The generations of the bundles that a generation in memory was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Record {
    /// Of the secrets and templates; `None` when there are none yet.
    pub secrets: Option<u64>,
    /// Of the authorized keys; `None` where they are not installed.
    pub authorized_keys: Option<u64>,
}

impl Record {
    /// That of a generation's directory; nothing is known where an older pkeys-activate made it.
    pub(super) fn read(generation: &OwnedFd) -> Self {
        let bytes = tree::read(generation.as_fd(), OsStr::new(RECORD), MAX_RECORD).ok().flatten().unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// The file: one line.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("a record has only numbers");
        bytes.push(b'\n');
        bytes
    }
}
