//! The vaults and items in memory: what is, and for a while what was.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::faults::Settings;
use crate::item::Item;
use crate::reply::Refusal;

pub(crate) struct Store {
    pub(crate) vaults: Vec<Vault>,
    pub(crate) tokens: Vec<crate::auth::Token>,
    pub(crate) activity: Vec<crate::routes::activity::Event>,
    /// Whether any request came with a good token: before that, Connect's sync has not begun.
    pub(crate) awake: bool,
}

/// A vault as it travels; the items are kept beside it.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct VaultInfo {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    pub(crate) attribute_version: u64,
    pub(crate) content_version: u64,
    /// How many items are active.
    pub(crate) items: usize,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

pub(crate) struct Vault {
    pub(crate) info: VaultInfo,
    pub(crate) items: Vec<Entry>,
}

/// An item's place: deleted items leave it empty, so that a stale read can still find them.
pub(crate) struct Entry {
    id: String,
    now: Option<Item>,
    before: Option<Before>,
}

/// What reads still see when a fault asks for stale reads.
struct Before {
    item: Option<Item>,
    written: Instant,
    reads: u32,
}

impl Store {
    pub(crate) fn vault(&mut self, id: &str) -> Result<&mut Vault, Refusal> {
        self.vaults.iter_mut().find(|vault| vault.info.id == id).ok_or_else(|| Refusal::not_found("vault", id))
    }
}

impl Vault {
    pub(crate) fn view(&self) -> VaultInfo {
        let active = |entry: &&Entry| entry.now.as_ref().is_some_and(|item| item.state.is_none());
        VaultInfo { items: self.items.iter().filter(active).count(), ..self.info.clone() }
    }

    /// The items as a read sees them now.
    pub(crate) fn read_all(&mut self, faults: &Settings) -> Vec<&Item> {
        self.items.iter_mut().filter_map(|entry| entry.read(faults)).collect()
    }

    pub(crate) fn read(&mut self, id: &str, faults: &Settings) -> Result<&Item, Refusal> {
        let found = self.items.iter_mut().find(|entry| entry.id == id).and_then(|entry| entry.read(faults));
        found.ok_or_else(|| Refusal::not_found("item", id))
    }

    /// The item as it really is, for a write.
    pub(crate) fn current(&self, id: &str) -> Result<&Item, Refusal> {
        let found = self.items.iter().find(|entry| entry.id == id).and_then(|entry| entry.now.as_ref());
        found.ok_or_else(|| Refusal::not_found("item", id))
    }

    pub(crate) fn insert(&mut self, item: Item) {
        self.items.push(Entry { id: item.id.clone(), now: None, before: None });
        let id = item.id.clone();
        self.write(&id, Some(item));
    }

    /// Replaces an item, or with `None` deletes it.
    pub(crate) fn write(&mut self, id: &str, item: Option<Item>) {
        self.info.content_version += 1;
        if let Some(entry) = self.items.iter_mut().find(|entry| entry.id == id) {
            let before = std::mem::replace(&mut entry.now, item);
            entry.before = Some(Before { item: before, written: Instant::now(), reads: 0 });
        }
    }

    /// As the data file has it: no history.
    pub(crate) fn place(&mut self, item: Item) {
        self.items.push(Entry { id: item.id.clone(), now: Some(item), before: None });
    }
}

impl Entry {
    fn read(&mut self, faults: &Settings) -> Option<&Item> {
        if let Some(before) = &mut self.before {
            let early = before.written.elapsed() < Duration::from_millis(faults.stale_ms);
            if early || before.reads < faults.stale_reads {
                before.reads += 1;
            } else {
                self.before = None;
            }
        }
        match &self.before {
            Some(before) => before.item.as_ref(),
            None => self.now.as_ref(),
        }
    }
}

/// 26 characters `[a-z0-9]`, or 400. `what` is `Vault`, `Item` or `File`.
pub(crate) fn check_id(what: &str, id: &str) -> Result<(), Refusal> {
    if id.len() == 26 && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(Refusal::new(StatusCode::BAD_REQUEST, format!("Invalid {what} UUID")))
}

/// Now, to the second, as Connect writes it.
pub(crate) fn timestamp() -> String {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}
