//! A host lost its key: its bundle is sealed to a new one, from break-glass alone.

use crate::audit::{self, Action};
use crate::base::{Error, HostName, Result};
use crate::bundle::{self, Manifest, Payload, Recipient, Signed};
use crate::escrow::Opened;
use crate::grants;
use crate::manifest::Repository;
use std::collections::BTreeSet;

/// Seals a host's bundle to a recipient and to break-glass, and signs it with the break-glass signing key. The recipient
/// becomes the host's only one in `pkeys.toml`. Returns the new generation.
///
/// # Errors
/// When the bundle or the signing key cannot be opened, or nothing can be written.
pub fn reseal(opened: &Opened, locked: &mut Repository, host: &HostName, recipient: &Recipient) -> Result<u64> {
    let (bundle, authentic) = opened.bundle(host)?;
    let old = authentic
        .map_err(|e| e.context(format!("the bundle of {host}")).hint("take one from git's history that verifies"))?;
    let key = opened.signing_key()?;
    let break_glass = super::refresh::recipients(locked)?;
    let recipients: BTreeSet<Recipient> = break_glass.into_iter().chain([recipient.clone()]).collect();
    let recipients: Vec<_> = recipients.into_iter().collect();
    let contents: Vec<_> = bundle.names().map(|name| (name, bundle.get(name).unwrap_or_default())).collect();
    let payload = bundle::encrypt(&bundle::pack(contents.iter().copied())?, &recipients, age::NoCallbacks)?;
    let ids: BTreeSet<_> = recipients.iter().map(|recipient| recipient.id().to_owned()).collect();
    let manifest = Manifest {
        generation: old.manifest.generation + 1,
        created: crate::render::now(),
        payload: Payload::of(&payload),
        recipients: ids.into_iter().collect(),
        // Not what `render` would make: the next one renders anew.
        inputs: "break-glass".into(),
        ..old.manifest
    };
    let generation = manifest.generation;
    let manifest = manifest.to_bytes();
    let signature = bundle::sign(&manifest, &key)?.into_bytes();
    let mut edit = locked.edit()?;
    edit.set_list(&["hosts", host.as_str()], "recipients", &[recipient.to_string()])?;
    let action = Action::new("break-glass reseal").text("host", host).text("recipient", recipient.id());
    audit::append(locked, &[action.number("generation", generation)])?;
    grants::save_manifest(locked, &edit)?;
    bundle::write(&locked.bundle(host), &Signed { manifest, signature }, &payload)?;
    if locked.manifest().hosts.contains_key(host) { Ok(generation) } else { Err(Error::new("the host vanished")) }
}
