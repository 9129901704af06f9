//! The pin file of a fleet: what was accepted, and which bundles were seen. Outside of every repository.

use super::pinned::{FORMAT, Pinned};
use crate::base::places::state_directory;
use crate::base::{Error, FleetId, Result, files};
use std::path::{Path, PathBuf};

mod ask;
mod note;

const MAX_PINS: usize = 256 * 1024 * 1024;

/// Where pins are.
#[derive(Clone, Debug)]
pub enum PinsPlace {
    /// In a state directory, a file for each fleet.
    State(PathBuf),
    /// In this file, which is only read: for a CI job (`PKEYS_PINS`).
    File(PathBuf),
}

impl PinsPlace {
    /// `PKEYS_PINS` if it is set, else the operator's state directory.
    ///
    /// # Errors
    /// If there is no state directory.
    pub fn from_environment() -> Result<Self> {
        match std::env::var_os("PKEYS_PINS").filter(|path| !path.is_empty()) {
            Some(path) => Ok(Self::File(path.into())),
            None => state_directory().map(Self::State),
        }
    }

    fn path(&self, fleet: &FleetId) -> PathBuf {
        match self {
            Self::State(directory) => directory.join("fleets").join(format!("{fleet}.json")),
            Self::File(path) => path.clone(),
        }
    }
}

/// What the operator of this machine accepted for one fleet.
#[derive(Debug)]
pub struct Pins {
    place: PinsPlace,
    pinned: Pinned,
}

impl Pins {
    /// Reads the pins of a fleet; without a file, nothing is pinned.
    ///
    /// # Errors
    /// If the file is inside `repository`, is damaged, or cannot be read.
    pub fn load(place: PinsPlace, fleet: &FleetId, repository: &Path) -> Result<Self> {
        let path = place.path(fleet);
        if is_inside(&path, repository) {
            return Err(Error::new(format!("the pins at {} are inside the repository", path.display()))
                .hint("whoever can commit could write them: set PKEYS_PINS or PKEYS_STATE_DIR to a place outside"));
        }
        let pinned = read(&path)?;
        if pinned.is_none() && matches!(place, PinsPlace::File(_)) {
            return Err(Error::new(format!("no pins at {}", path.display()))
                .hint("write them where you trust the repository: `pkeys trust export > pins.json`"));
        }
        let pinned = pinned.unwrap_or_else(|| Pinned::new(fleet.clone()));
        if pinned.fleet != *fleet {
            return Err(Error::new(format!("the pins at {} are of another fleet", path.display()))
                .hint("is this the repository that they were made for?"));
        }
        Ok(Self { place, pinned })
    }

    /// Removes what a killed pkeys has left beside the pin file of a fleet. Best effort: it does no harm.
    pub fn sweep(place: &PinsPlace, fleet: &FleetId) {
        if let PinsPlace::State(_) = place {
            let _ = files::claim(&place.path(fleet));
        }
    }

    /// The text of the pin file: for another place.
    pub fn export(&self) -> Vec<u8> {
        to_bytes(&self.pinned)
    }

    /// Changes what is in the file now, which another pkeys may have written meanwhile.
    fn change(&mut self, change: impl FnOnce(&mut Pinned)) -> Result<()> {
        let PinsPlace::State(directory) = &self.place else {
            change(&mut self.pinned);
            return Ok(());
        };
        files::make_private_directories(&directory.join("fleets"))?;
        let path = self.place.path(&self.pinned.fleet);
        let _lock = files::claim(&path)?;
        if let Some(now) = read(&path)?.filter(|now| now.fleet == self.pinned.fleet) {
            self.pinned = now;
        }
        change(&mut self.pinned);
        files::write(&path, &to_bytes(&self.pinned), files::PRIVATE)
    }
}

fn read(path: &Path) -> Result<Option<Pinned>> {
    let Some(bytes) = files::read(path, MAX_PINS)? else { return Ok(None) };
    let damaged = || {
        Error::new(format!("the pins at {} are damaged", path.display()))
            .hint("restore the file, or remove it and accept the trust set again: `pkeys trust accept`")
    };
    let pinned: Pinned = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
    if pinned.format == FORMAT { Ok(Some(pinned)) } else { Err(damaged()) }
}

fn to_bytes(pinned: &Pinned) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(pinned).expect("pins have only names and numbers");
    bytes.push(b'\n');
    bytes
}

/// Whether a path, or what its directory links to, is below the repository.
fn is_inside(path: &Path, repository: &Path) -> bool {
    let Ok(repository) = repository.canonicalize() else { return false };
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let real = path.ancestors().find_map(|above| above.canonicalize().ok());
    path.starts_with(&repository) || real.is_some_and(|real| real.starts_with(&repository))
}
