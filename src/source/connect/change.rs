//! One item brought to hold a record: a change is sent, then looked for until it is proven.
//!
//! A change without a good answer may have taken effect all the same. So it is looked for first, and only if it is not
//! there is another sent, on what is there by then.

use super::key_item;
use super::model::{Item, Raw, Vault, is_put_away, shown};
use super::problem::{self, Failed};
use super::resolve;
use super::retry::Failure;
use super::store::{Place, Store};
use crate::base::{Error, Result, SecretBytes};
use crate::source::KeyRecord;
use rand_core::{OsRng, RngCore};
use reqwest::Method;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// What there is of a title.
pub(super) enum Seen {
    /// No item.
    Nothing,
    /// A list has the item, but it cannot be read: it was just made or removed.
    Unsteady(Failed),
    /// The item, made by pkeys.
    Item(Box<(Raw, Item)>),
}

/// An item by its title, in a vault.
pub(super) struct Spot<'a> {
    pub(super) store: &'a Store,
    pub(super) vault: &'a Vault,
    pub(super) title: &'a str,
}

impl Spot<'_> {
    /// What is kept there, asked anew. Waits for an item that is just coming or going.
    pub(super) fn record(&self) -> Result<Option<KeyRecord>> {
        self.steady()?.map(|found| key_item::record(&found.1)).transpose()
    }

    /// Makes it keep exactly this record, and proves it by reading. One change at a time goes to a server.
    pub(super) fn keep(&self, record: &KeyRecord) -> Result<()> {
        let _alone = self.store.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = format!("the change of item \"{}\" in vault \"{}\"", self.title, shown(&self.vault.name));
        let policy = self.store.client.policy();
        let begin = Instant::now();
        let mut failed = 0;
        loop {
            let found = self.steady()?;
            if found.is_none() && record.is_empty() {
                return Ok(());
            }
            let made = found.is_none();
            let (method, path, body) = self.change(found, record)?;
            let Err(problem) = self.store.client.send(method, &path, &asked, body) else {
                let proof = self.shows(record, policy.settle);
                let proven =
                    proof.map_err(|e| e.context("a change was sent, but it is not proven that it is stored"))?;
                let unknown = || problem::not_shown(self.store.client.address(), &asked);
                return if proven { Ok(()) } else { Err(unknown()) };
            };
            // Sending an item twice would make two of them: this is looked for as long as it may take to show.
            let patience = if made { policy.settle } else { Duration::ZERO };
            let failure = match problem.failure {
                // The item went away in between: that is a conflict.
                Failure::Status(404, _) if !made => Failure::Status(409, None),
                other => other,
            };
            if failure.leaves_doubt() && self.shows(record, patience)? {
                return Ok(());
            }
            failed += 1;
            match policy.wait_to_change(failure, failed, begin.elapsed(), OsRng.next_u32()) {
                Some(wait) => std::thread::sleep(wait),
                None => return Err(problem.error),
            }
        }
    }

    /// The request that makes the item hold the record.
    fn change(
        &self,
        found: Option<Box<(Raw, Item)>>,
        record: &KeyRecord,
    ) -> Result<(Method, String, Option<SecretBytes>)> {
        let path = |item: Option<&str>| self.store.path(&self.vault.id, item).map_err(|failed| failed.error);
        let Some(found) = found else {
            let (raw, item) = key_item::new(&self.vault.id, self.title);
            return Ok((Method::POST, path(None)?, Some(json(&key_item::with(record, raw, &item)?)?)));
        };
        let (raw, item) = *found;
        // What somebody made of it by hand is not overwritten.
        key_item::record(&item)?;
        let path = path(Some(&item.id))?;
        if record.is_empty() && !key_item::holds_more(&item) {
            return Ok((Method::DELETE, path, None));
        }
        Ok((Method::PUT, path, Some(json(&key_item::with(record, raw, &item)?)?)))
    }

    /// Whether the record can be read, at once or within this time.
    fn shows(&self, record: &KeyRecord, patience: Duration) -> Result<bool> {
        let begin = Instant::now();
        let mut looks = 0;
        loop {
            let seen = match self.look()? {
                Seen::Nothing => Ok(Some(KeyRecord::default())),
                Seen::Unsteady(_) => Ok(None),
                Seen::Item(found) => key_item::record(&found.1).map(Some),
            };
            if seen.as_ref().is_ok_and(|seen| seen.as_ref() == Some(record)) {
                return Ok(true);
            }
            if begin.elapsed() >= patience {
                return seen.map(|_| false);
            }
            looks += 1;
            std::thread::sleep(self.store.client.policy().wait_to_look(looks));
        }
    }

    /// What there is, once the lists and the item agree.
    fn steady(&self) -> Result<Option<Box<(Raw, Item)>>> {
        let begin = Instant::now();
        let mut looks = 0;
        loop {
            match self.look()? {
                Seen::Nothing => return Ok(None),
                Seen::Item(found) => return Ok(Some(found)),
                Seen::Unsteady(failed) if begin.elapsed() >= self.store.client.policy().settle => {
                    return Err(failed.error);
                }
                Seen::Unsteady(_) => {}
            }
            looks += 1;
            std::thread::sleep(self.store.client.policy().wait_to_look(looks));
        }
    }

    /// What there is now. Refuses what pkeys did not make.
    fn look(&self) -> Result<Seen> {
        let (title, said) = (self.title, |failed: Failed| failed.error);
        let list = self.store.items_now(self.vault).map_err(said)?;
        let (away, active): (Vec<_>, Vec<_>) =
            list.iter().filter(|item| item.title == title).partition(|item| is_put_away(&item.state));
        let Some(item) = active.first() else {
            let archived = away.iter().find(|item| !item.state.eq_ignore_ascii_case("deleted"));
            return archived.map_or(Ok(Seen::Nothing), |item| Err(resolve::put_away(&item.title, &item.state)));
        };
        if active.len() > 1 {
            let ids: Vec<_> = active.iter().map(|item| shown(&item.id)).collect();
            let vault = shown(&self.vault.name);
            return Err(Error::new(format!(
                "vault \"{vault}\" has more than one item \"{title}\": {}",
                ids.join(", ")
            ))
            .hint("look at them in 1Password; rename or delete all but the one that pkeys shall use"));
        }
        key_item::check(&item.category, &item.tags, title, &item.id)?;
        let place = Place { vault: self.vault.id.clone(), item: item.id.clone() };
        match self.store.item_now(&place, title) {
            Ok(found) => {
                key_item::check(&found.1.category, &found.1.tags, title, &item.id)?;
                Ok(Seen::Item(Box::new(found)))
            }
            Err(failed) if failed.is_absence() => Ok(Seen::Unsteady(failed)),
            Err(failed) => Err(failed.error),
        }
    }
}

/// The JSON text, in memory that is wiped.
fn json(raw: &Raw) -> Result<SecretBytes> {
    let mut text = SecretBytes::with_capacity(16 * 1024);
    serde_json::to_writer(&mut text, &raw.0).map_err(|_| Error::new("the item could not be written as JSON"))?;
    Ok(text)
}
