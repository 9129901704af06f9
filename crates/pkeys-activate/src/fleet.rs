//! What a host remembers of the bundles that were installed on it, so that format 1, which names no fleet, ends with the
//! first bundle of format 2.

use crate::Spec;
use crate::root::Root;
use crate::tree::{self, failed};
use pkeys_bundle::base::{Error, FleetId, Result};
use rustix::fs::Mode;
use serde::{Deserialize, Serialize};
use std::os::fd::AsFd;

/// The file in the state directory. Public.
const FILE: &str = "fleet.json";

const MAX_FILE: u64 = 64 * 1024;

/// How many format 1 bundles are remembered, the last ones: as many as a machine keeps NixOS generations to go back to.
const KEPT: usize = 256;

/// What was installed here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Memory {
    /// The fleet of the last bundle of format 2.
    pub fleet: Option<FleetId>,
    /// The bundles of format 1, by the SHA-256 of their manifests, the last one last: a NixOS rollback brings them back.
    pub format1: Vec<String>,
}

impl Memory {
    /// Reads it. Where nothing was written, or it cannot be read, nothing is known: a host must boot all the same.
    pub(super) fn read(root: &Root, spec: &Spec) -> Self {
        Self::load(root, spec).unwrap_or_default()
    }

    fn load(root: &Root, spec: &Spec) -> Result<Self> {
        let Some(state) = root.directory(&spec.state_directory, false)? else { return Ok(Self::default()) };
        let bytes = tree::read(state.as_fd(), FILE.as_ref(), MAX_FILE);
        let bytes = bytes.map_err(|e| failed("read", &spec.state_directory.join(FILE), e))?;
        // A damaged one is written anew.
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }

    /// Remembers a bundle that is about to be installed, by its fleet and the SHA-256 of its manifest.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub(super) fn add(root: &Root, spec: &Spec, fleet: Option<&FleetId>, manifest: &str) -> Result<()> {
        let before = Self::load(root, spec)?;
        let mut after = before.clone();
        match fleet {
            Some(fleet) => after.fleet = Some(fleet.clone()),
            None if before.format1.iter().any(|one| one == manifest) => {}
            None => after.format1.push(manifest.into()),
        }
        after.format1.drain(..after.format1.len().saturating_sub(KEPT));
        if after == before {
            return Ok(());
        }
        let state = root.directory(&spec.state_directory, true)?;
        let state = state.ok_or_else(|| Error::new("the state directory vanished"))?;
        let mut bytes = serde_json::to_vec_pretty(&after).map_err(|_| Error::new("it is not JSON"))?;
        bytes.push(b'\n');
        tree::replace(state.as_fd(), FILE.as_ref(), &bytes, Mode::from_raw_mode(0o644))
            .map_err(|e| failed("write", &spec.state_directory.join(FILE), e))
    }
}
