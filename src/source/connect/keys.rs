//! Private halves of user keys in 1Password: an API credential item for each, titled `ssh USER LABEL`.
//!
//! Never an SSH key item: any write through Connect damages those.

use super::change::Spot;
use super::{Connect, key_item, resolve};
use crate::base::{Error, Result};
use crate::source::{KeyPlace, KeyRecord, KeyStore, OpReference, Reference, pair};
use std::ops::Deref;

/// A vault that keeps private halves of user keys, through a [`Connect`] that may be shared with others.
pub struct ConnectKeys<C> {
    connect: C,
    vault: String,
}

impl<C: Deref<Target = Connect>> ConnectKeys<C> {
    /// The vault with this name or id. Sends nothing yet.
    ///
    /// # Errors
    /// When a reference cannot hold the name.
    pub fn new(connect: C, vault: impl Into<String>) -> Result<Self> {
        let vault = vault.into();
        let fits = Reference::parse(&format!("op://{vault}/item/field"));
        if vault.contains(['/', '?']) || fits.is_err() {
            return Err(Error::new("a reference cannot hold the name of that vault").hint(
                "names hold letters, digits, '_', '.', '-' and spaces; write the vault's id in place of its name",
            ));
        }
        Ok(Self { connect, vault })
    }

    fn in_section(&self, place: &KeyPlace, section: Option<&str>) -> Reference {
        Reference::Op(OpReference {
            vault: self.vault.clone(),
            item: key_item::title(place),
            section: section.map(Into::into),
            field: key_item::PRIVATE.into(),
            query: None,
        })
    }

    fn at<T>(&self, place: &KeyPlace, run: impl FnOnce(&Spot) -> Result<T>) -> Result<T> {
        let store = &self.connect.store;
        let vaults = store.vaults().map_err(|failed| failed.error)?;
        let vault = resolve::vault(&vaults, &self.vault)?;
        run(&Spot { store, vault, title: &key_item::title(place) })
    }
}

impl<C: Deref<Target = Connect>> KeyStore for ConnectKeys<C> {
    fn read(&self, place: &KeyPlace) -> Result<Option<KeyRecord>> {
        self.at(place, |spot| Ok(spot.record()?.filter(|record| !record.is_empty())))
    }

    fn write(&self, place: &KeyPlace, record: &KeyRecord) -> Result<()> {
        pair::check_record(record)?;
        let kept = self.at(place, |spot| spot.keep(record));
        // Whatever came of it: what was remembered of the vault is not sure any more.
        self.connect.forget();
        kept
    }

    fn reference(&self, place: &KeyPlace) -> Result<Reference> {
        Ok(self.in_section(place, None))
    }

    fn previous_reference(&self, place: &KeyPlace) -> Result<Reference> {
        Ok(self.in_section(place, Some(key_item::PREVIOUS)))
    }
}

impl<C> std::fmt::Debug for ConnectKeys<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ConnectKeys({})", self.vault)
    }
}
