//! A host's own post-quantum identity.

use crate::base::{Error, Result, files};
use crate::bundle::hybrid;
use std::path::Path;

/// Makes a post-quantum age identity in a new file that only its owner can read, and gives its recipient.
///
/// # Errors
/// When something is there already, or it cannot be written; then nothing is changed.
pub fn make_identity(path: &Path) -> Result<String> {
    let (text, public) = hybrid::new_file("pkeys host identity")?;
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
