//! A host's own post-quantum identity.

use pkeys_bundle::base::{Error, Result, files};
use pkeys_bundle::hybrid;
use std::path::Path;

/// Makes a post-quantum age identity in a new file that only its owner can read, and returns its recipient. Missing
/// directories are made for their owner alone.
///
/// # Errors
/// If something is there already, others could exchange it, or it cannot be written; then nothing is changed.
pub fn make_identity(path: &Path) -> Result<String> {
    let (text, public) = hybrid::new_file("pkeys host identity")?;
    // Below the first missing directory, all is this user's own.
    let missing = path.ancestors().take_while(|above| above.symlink_metadata().is_err()).last();
    files::check_parent(missing.unwrap_or(path))?;
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        files::make_private_directories(directory)?;
    }
    let _lock = files::claim(path)?;
    if files::write_new(path, text.expose(), files::PRIVATE)? {
        return Ok(public);
    }
    Err(Error::new(format!("{} is there already", path.display()))
        .hint("its recipient is in its second line; name a new file to make another"))
}
