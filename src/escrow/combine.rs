//! `break-glass/combine.py`: people run it with the whole key, so it must be the program that pkeys ships.

use crate::base::{Error, Result, files};
use crate::break_glass::COMBINE;
use crate::escrow::{file, refresh};
use crate::manifest::Repository;

const COMBINE_FILE: &str = "combine.py";

/// Checks that the repository's copy is the program that this pkeys ships.
///
/// # Errors
/// If it is missing or another.
pub fn check_combine(repository: &Repository) -> Result<()> {
    let again = "`git log break-glass/combine.py` says who changed it; `pkeys break-glass escrow` writes it again";
    match files::read(&file(repository, COMBINE_FILE), COMBINE.len().saturating_mul(64)) {
        Ok(Some(found)) if found == COMBINE.as_bytes() => Ok(()),
        Ok(Some(_)) => Err(Error::new("combine.py is not the program of this pkeys: do not run it").hint(again)),
        Ok(None) => Err(Error::new("combine.py is missing").hint(again)),
        Err(e) => Err(e.hint(again)),
    }
}

/// Writes the program. Returns whether the copy was another.
///
/// # Errors
/// If it cannot be read or written.
pub fn write_combine(repository: &Repository) -> Result<bool> {
    match check_combine(repository) {
        Ok(()) => Ok(false),
        Err(e) if e.is_io() => Err(e),
        Err(_) => refresh::write(repository, COMBINE_FILE, COMBINE.as_bytes()).map(|()| true),
    }
}
