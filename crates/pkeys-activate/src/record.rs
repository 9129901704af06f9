//! What a generation in memory was made from: a small public file beside its folders, for `pkeys-activate report`.

use crate::tree;
use pkeys_bundle::wire::Installed;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};

/// Its name in the generation's directory.
pub(super) const RECORD: &str = "generation";

const MAX_RECORD: u64 = 1024 * 1024;

/// That of a generation's directory; nothing is known where an older pkeys-activate made it.
///
/// # Errors
/// Says in a line that it cannot be read.
pub(super) fn read(generation: &OwnedFd) -> Result<Installed, String> {
    let unreadable = |why: String| format!("what the installed files were made from cannot be read: {why}");
    let bytes = tree::read(generation.as_fd(), OsStr::new(RECORD), MAX_RECORD);
    match bytes.map_err(|e| unreadable(e.to_string()))? {
        Some(bytes) => serde_json::from_slice(&bytes).map_err(|_| unreadable("it is damaged".into())),
        None => Ok(Installed::default()),
    }
}

/// Takes note of the units that an earlier activation owes, to restart and to reload them too.
pub(super) fn collect_owed(record: &Installed, restart: &mut Vec<String>, reload: &mut Vec<String>) {
    for (units, owed) in [(restart, &record.restart_owed), (reload, &record.reload_owed)] {
        units.extend(owed.iter().cloned());
        units.sort();
        units.dedup();
    }
}

/// The file: one line.
pub(super) fn to_bytes(record: &Installed) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(record).expect("a record has numbers and names");
    bytes.push(b'\n');
    bytes
}
