//! Opening a verified bundle: one decryption for all its secrets.

use crate::base::{Error, Result, SecretBytes, SecretName};
use crate::{Identity, MAX_PAYLOAD, Manifest, NEW_HOST_KEY, age_file, archive};
use std::collections::BTreeMap;
use std::ops::Range;

/// A bundle's secrets, all in one buffer that is wiped when dropped.
#[derive(Debug)]
pub struct OpenBundle {
    tar: SecretBytes,
    places: BTreeMap<SecretName, Range<usize>>,
}

/// Decrypts a bundle whose manifest was verified, with the first identity that fits.
///
/// # Errors
/// When no identity fits (says which recipients would), or what is inside is not what the manifest lists.
pub fn open(payload: &[u8], manifest: &Manifest, identities: &[Identity]) -> Result<OpenBundle> {
    let fits = |id: &str| manifest.recipients.iter().any(|recipient| recipient == id);
    let known = identities.iter().filter_map(Identity::public);
    let nobody = identities.iter().all(|identity| identity.public().is_some_and(|id| !fits(id)));
    let tar = age_file::decrypt(payload, identities, MAX_PAYLOAD).map_err(|e| match nobody {
        true => Error::new(format!("{e}: sealed to {}, here is {}", list(&manifest.recipients), list(known)))
            .hint("the host's key is not the one in pkeys.toml: correct its recipients there and render again"),
        false => e,
    })?;
    let opened = unpack(tar)?;
    let places = &opened.places;
    if !manifest.names().collect::<std::collections::BTreeSet<_>>().into_iter().eq(places.keys()) {
        return Err(Error::new("the secrets inside are not those that manifest.json lists"));
    }
    Ok(opened)
}

/// The secrets of a decrypted tar.
///
/// # Errors
/// When it holds anything but plain secrets.
pub fn unpack(tar: SecretBytes) -> Result<OpenBundle> {
    let places = archive::index(&tar)?;
    Ok(OpenBundle { tar, places })
}

fn list(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<_> = names.into_iter().map(|n| n.as_ref().to_owned()).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

impl OpenBundle {
    /// The names of the secrets, sorted.
    pub fn names(&self) -> impl Iterator<Item = &SecretName> {
        self.places.keys()
    }

    /// A secret's bytes.
    pub fn get(&self, name: &SecretName) -> Option<&[u8]> {
        self.places.get(name).map(|range| &self.tar.expose()[range.clone()])
    }

    /// The new SSH host key that came along, if there is one.
    pub fn new_host_key(&self) -> Option<&[u8]> {
        self.places.get(NEW_HOST_KEY).map(|range| &self.tar.expose()[range.clone()])
    }

    /// How many secrets.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}
