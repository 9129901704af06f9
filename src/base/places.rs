//! Directories of the operator's own, outside of every repository.

use crate::base::{Error, Result};
use std::path::PathBuf;

/// The state directory: `PKEYS_STATE_DIR`, `$XDG_STATE_HOME/pkeys` or `~/.local/state/pkeys`. It may not exist yet.
///
/// # Errors
/// If none of these variables is set.
pub fn state_directory() -> Result<PathBuf> {
    own_directory("PKEYS_STATE_DIR", "XDG_STATE_HOME", ".local/state")
        .ok_or_else(|| Error::new("no state directory").hint("set HOME or PKEYS_STATE_DIR"))
}

/// The configuration directory: `PKEYS_CONFIG_DIR`, `$XDG_CONFIG_HOME/pkeys` or `~/.config/pkeys`.
///
/// # Errors
/// If none of these variables is set.
pub fn config_directory() -> Result<PathBuf> {
    own_directory("PKEYS_CONFIG_DIR", "XDG_CONFIG_HOME", ".config")
        .ok_or_else(|| Error::new("no configuration directory").hint("set HOME or PKEYS_CONFIG_DIR"))
}

fn own_directory(own: &str, xdg: &str, below_home: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set(own)
        .or_else(|| set(xdg).map(|directory| directory.join("pkeys")))
        .or_else(|| set("HOME").map(|home| home.join(below_home).join("pkeys")))
}
