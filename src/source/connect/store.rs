//! The calls of Connect that are used here, each answered once and then remembered for the run.
//!
//! Failures are not remembered: the next call may find the server recovered.

use super::client::{Body, Client, json};
use super::model::{Item, Overview, Raw, Vault, shown};
use super::problem::{Failed, stranger};
use crate::base::SecretBytes;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

const LIST_LIMIT: usize = 16 * 1024 * 1024;
const ITEM_LIMIT: usize = 16 * 1024 * 1024;
const FILE_LIMIT: usize = 64 * 1024 * 1024;

/// An item's address: the ids of its vault and of itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) vault: String,
    pub(super) item: String,
}

type Answer<T> = Result<Arc<T>, Failed>;
type Kept<K, T> = Mutex<HashMap<K, Arc<T>>>;

/// What Connect has said in this run.
pub(super) struct Store {
    pub(super) client: Client,
    vaults: Kept<(), Vec<Vault>>,
    lists: Kept<String, Vec<Overview>>,
    items: Kept<Place, Item>,
    files: Kept<(Place, String), SecretBytes>,
    /// Held by whoever changes an item: Connect wants one change at a time.
    pub(super) changing: Mutex<()>,
}

impl Store {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            vaults: Kept::default(),
            lists: Kept::default(),
            items: Kept::default(),
            files: Kept::default(),
            changing: Mutex::default(),
        }
    }

    /// Drops all that was remembered.
    pub(super) fn forget(&self) {
        self.client.forget();
        clear(&self.vaults);
        clear(&self.lists);
        clear(&self.items);
        clear(&self.files);
    }

    /// Whether the list of a vault's items is here already.
    pub(super) fn has_list(&self, vault: &str) -> bool {
        found(&self.lists, vault).is_some()
    }

    /// The vaults that the token sees.
    pub(super) fn vaults(&self) -> Answer<Vec<Vault>> {
        kept(&self.vaults, &(), || {
            // An empty list may be written as null.
            let all = self.client.get("/v1/vaults", "the list of vaults", LIST_LIMIT, json::<Option<Vec<Vault>>>)?;
            Ok(all.unwrap_or_default())
        })
    }

    /// The items of a vault, without their fields.
    pub(super) fn items(&self, vault: &Vault) -> Answer<Vec<Overview>> {
        kept(&self.lists, &vault.id, || self.items_now(vault))
    }

    /// The same, asked anew and not remembered.
    pub(super) fn items_now(&self, vault: &Vault) -> Result<Vec<Overview>, Failed> {
        let asked = format!("the items of vault \"{}\"", shown(&vault.name));
        let path = self.path(&vault.id, None)?;
        let all = self.client.get(&path, &asked, LIST_LIMIT, json::<Option<Vec<Overview>>>)?;
        Ok(all.unwrap_or_default())
    }

    /// A whole item as it came, asked for anew and not remembered.
    pub(super) fn item_now(&self, place: &Place, name: &str) -> Result<(Raw, Item), Failed> {
        let path = self.path(&place.vault, Some(&place.item))?;
        let raw: Raw = self.client.get(&path, &format!("item \"{}\"", shown(name)), ITEM_LIMIT, json)?;
        let item = <Item as serde::Deserialize>::deserialize(&raw.0);
        let item = item.map_err(|_| stranger(self.client.address(), "the JSON has another shape"))?;
        self.is_that(place, item).map(|item| (raw, item))
    }

    /// The path of a vault's items, or of one of them.
    pub(super) fn path(&self, vault: &str, item: Option<&str>) -> Result<String, Failed> {
        let items = format!("/v1/vaults/{}/items", self.id(vault)?);
        item.map_or(Ok(items.clone()), |item| Ok(format!("{items}/{}", self.id(item)?)))
    }

    /// A whole item. `name` is what the reference calls it.
    pub(super) fn item(&self, place: &Place, name: &str) -> Answer<Item> {
        kept(&self.items, place, || {
            let path = self.path(&place.vault, Some(&place.item))?;
            let item: Item = self.client.get(&path, &format!("item \"{}\"", shown(name)), ITEM_LIMIT, json)?;
            self.is_that(place, item)
        })
    }

    /// Makes sure that an item is the one that was asked for.
    fn is_that(&self, place: &Place, item: Item) -> Result<Item, Failed> {
        if item.id != place.item || item.vault.as_ref().is_some_and(|v| !v.id.is_empty() && v.id != place.vault) {
            return Err(stranger(self.client.address(), "it sent another item than the one asked for"));
        }
        Ok(item)
    }

    /// The content of an item's file. `name` is what the item calls it.
    pub(super) fn file(&self, place: &Place, file: &str, name: &str) -> Answer<SecretBytes> {
        kept(&self.files, &(place.clone(), file.to_owned()), || {
            let (vault, item, file) = (self.id(&place.vault)?, self.id(&place.item)?, self.id(file)?);
            let path = format!("/v1/vaults/{vault}/items/{item}/files/{file}/content");
            self.client.get(&path, &format!("file \"{}\"", shown(name)), FILE_LIMIT, |answer| {
                if answer.of_connect {
                    Body::Good(answer.body)
                } else {
                    Body::Strange("its version is not in the answer")
                }
            })
        })
    }

    /// An id that may stand in a path. They come from the server, so they are looked at.
    fn id<'a>(&self, id: &'a str) -> Result<&'a str, Failed> {
        let plain = !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric());
        if plain { Ok(id) } else { Err(stranger(self.client.address(), "an id has another form")) }
    }
}

fn found<K: Hash + Eq + std::borrow::Borrow<Q>, Q: Hash + Eq + ?Sized, T>(
    kept: &Kept<K, T>,
    key: &Q,
) -> Option<Arc<T>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
}

fn clear<K, T>(kept: &Kept<K, T>) {
    kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// What is remembered, else what `fetch` gets. The lock is not held while it does.
fn kept<K: Clone + Hash + Eq, T>(kept: &Kept<K, T>, key: &K, fetch: impl FnOnce() -> Result<T, Failed>) -> Answer<T> {
    if let Some(known) = found(kept, key) {
        return Ok(known);
    }
    let new = Arc::new(fetch()?);
    kept.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), Arc::clone(&new));
    Ok(new)
}
