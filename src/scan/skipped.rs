//! What a scan did not look at. It is always said.

use crate::scan::repository::shown;
use gix::bstr::BStr;

/// Something that was not looked at, or not wholly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// What: a path from the top of the repository; empty where it is the repository itself.
    pub path: String,
    /// Why.
    pub why: String,
    /// What to do about it.
    pub hint: String,
    /// Whether the scan is not complete without it.
    pub failed: bool,
}

impl Skipped {
    /// Something that is not looked at by rule.
    pub(super) fn note(path: &BStr, why: &str, hint: &str) -> Self {
        Self { path: shown(path), why: why.into(), hint: hint.into(), failed: false }
    }

    /// Something that git should have.
    pub(super) fn missing(path: &BStr, why: &str) -> Self {
        let hint = "`git fsck` says more; in a partial clone: `git fetch --refetch --no-filter`";
        Self { path: shown(path), why: why.into(), hint: hint.into(), failed: true }
    }

    /// A file of more than [`super::MAX_FILE`] bytes.
    pub(super) fn too_large(path: &BStr, size: u64) -> Self {
        let why = format!("larger than {} MiB ({} MiB)", super::MAX_FILE >> 20, size >> 20);
        Self::note(path, &why, "look at it by hand")
    }
}
