//! The plan: the vaults once, the items once for each vault, then each distinct item once and in parallel.
//!
//! 100 references over 20 items in 2 vaults cost 23 requests, three deep; with ids in every reference 20, one deep.

use super::model::{Item, is_put_away};
use super::problem::Failed;
use super::resolve::{self, Found};
use super::store::{Place, Store};
use super::value;
use crate::base::parallel::{self, AT_ONCE};
use crate::base::{Error, Result};
use crate::source::{OpReference, Value, Version};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

type Items = HashMap<Place, std::result::Result<Arc<Item>, Failed>>;

/// An item in hand, and where it is.
type Holder = Result<(Place, Arc<Item>)>;

/// An item that a reference means, as the lists know it.
struct Located {
    place: Place,
    version: Option<u64>,
}

/// The version of each reference's item: one request for the vaults and one for each vault.
pub(super) fn versions(store: &Store, asked: &[&OpReference]) -> Vec<Result<Version>> {
    let version = |found: Located| version(&found.place.item, found.version);
    locate(store, asked).into_iter().map(|found| found.and_then(version)).collect()
}

/// The value of each reference.
pub(super) fn values(store: &Store, asked: &[&OpReference]) -> Vec<Result<Value>> {
    // Ids lead straight to the item, unless its vault's list is here already and knows better.
    let direct = |r: &OpReference| is_id(&r.vault) && is_id(&r.item) && !store.has_list(&r.vault);
    let straight = |r: &OpReference| direct(r).then(|| Ok(Place { vault: r.vault.clone(), item: r.item.clone() }));
    let mut places: Vec<Option<Result<Place>>> = asked.iter().map(|r| straight(r)).collect();
    let mut items = Items::new();
    let located = locate_rest(store, asked, &mut places);
    fetch(store, asked, &places, &mut items);

    // What looked like ids may be names after all.
    let lost = |i: &Items, p: &Place| i.get(p).is_some_and(|got| got.as_ref().is_err_and(Failed::is_absence));
    for (place, located) in places.iter_mut().zip(located) {
        if !located && place.as_ref().is_some_and(|p| p.as_ref().is_ok_and(|p| lost(&items, p))) {
            *place = None;
        }
    }
    if places.iter().any(Option::is_none) {
        items.retain(|_, got| !got.as_ref().is_err_and(Failed::is_absence));
        locate_rest(store, asked, &mut places);
        fetch(store, asked, &places, &mut items);
    }
    deliver(store, asked, &places, &items)
}

/// Finds, by the lists, the places that are not known yet. Says of each reference whether it was one of these.
fn locate_rest(store: &Store, asked: &[&OpReference], places: &mut [Option<Result<Place>>]) -> Vec<bool> {
    let open: Vec<bool> = places.iter().map(Option::is_none).collect();
    let rest: Vec<&OpReference> = asked.iter().zip(&open).filter(|(_, open)| **open).map(|(r, _)| *r).collect();
    let gaps = places.iter_mut().filter(|place| place.is_none());
    for (gap, found) in gaps.zip(locate(store, &rest)) {
        *gap = Some(found.map(|found| found.place));
    }
    open
}

/// Finds the item of each reference by the lists.
fn locate(store: &Store, asked: &[&OpReference]) -> Vec<Result<Located>> {
    if asked.is_empty() {
        return Vec::new();
    }
    let vaults = match store.vaults() {
        Ok(vaults) => vaults,
        Err(failed) => return asked.iter().map(|_| Err(failed.error.clone())).collect(),
    };
    let chosen: Vec<Result<_>> = asked.iter().map(|r| resolve::vault(&vaults, &r.vault)).collect();
    let distinct: Vec<_> = first_of_each(chosen.iter().flatten().copied(), |v| v.id.as_str());
    let lists: HashMap<&str, _> = distinct
        .iter()
        .map(|v| v.id.as_str())
        .zip(parallel::each(&distinct, AT_ONCE, |vault| store.items(vault)))
        .collect();
    let one = |(reference, vault): (&&OpReference, Result<&super::model::Vault>)| {
        let vault = vault?;
        let list = lists[vault.id.as_str()].as_ref().map_err(|failed| failed.error.clone())?;
        let item = resolve::item(list, &reference.item, &reference.vault)?;
        Ok(Located { place: Place { vault: vault.id.clone(), item: item.id.clone() }, version: item.version })
    };
    asked.iter().zip(chosen).map(one).collect()
}

/// Gets each distinct item that is not among `items` yet.
fn fetch(store: &Store, asked: &[&OpReference], places: &[Option<Result<Place>>], items: &mut Items) {
    let known = asked.iter().zip(places).filter_map(|(r, p)| Some((p.as_ref()?.as_ref().ok()?, r.item.as_str())));
    let jobs = first_of_each(known.filter(|(place, _)| !items.contains_key(place)), |(place, _)| *place);
    let got = parallel::each(&jobs, AT_ONCE, |(place, name)| store.item(place, name));
    items.extend(jobs.into_iter().map(|(place, _)| place.clone()).zip(got));
}

/// Takes the values out of the items, and gets the files that are wanted, each once.
fn deliver(
    store: &Store,
    asked: &[&OpReference],
    places: &[Option<Result<Place>>],
    items: &Items,
) -> Vec<Result<Value>> {
    let of = |place: &Option<Result<Place>>| -> Holder {
        let place = place.clone().unwrap_or_else(|| Err(Error::new("the item was not looked for")))?;
        let item = items[&place].as_ref().map_err(|failed| failed.error.clone())?;
        if is_put_away(&item.state) {
            return Err(resolve::put_away(&item.title, &item.state));
        }
        Ok((place, Arc::clone(item)))
    };
    let holders: Vec<Holder> = places.iter().map(of).collect();
    let found: Vec<Result<Found<'_>>> = asked
        .iter()
        .zip(&holders)
        .map(|(reference, holder)| resolve::field(&holder.as_ref().map_err(Clone::clone)?.1, reference))
        .collect();
    let wanted = holders.iter().zip(&found).filter_map(|(holder, found)| match (holder, found) {
        (Ok((place, _)), Ok(Found::File(file))) => Some((place, file.id.as_str(), file.name.as_str())),
        _ => None,
    });
    let jobs = first_of_each(wanted, |(place, id, _)| (*place, *id));
    let contents = parallel::each(&jobs, AT_ONCE, |(place, id, name)| store.file(place, id, name));
    let files: HashMap<_, _> = jobs.iter().map(|(place, id, _)| (*place, *id)).zip(contents).collect();

    let value = |reference: &OpReference, holder: &Holder, found: Result<Found<'_>>| {
        let (place, item) = holder.as_ref().map_err(Clone::clone)?;
        let bytes = match found? {
            Found::Field(field) => value::of_field(field, reference.query)?,
            Found::File(file) => {
                let content = files[&(place, file.id.as_str())].as_ref().map_err(|failed| failed.error.clone())?;
                value::of_file(&file.name, content, reference.query)?
            }
        };
        Ok(Value { bytes, version: version(&item.id, item.version)? })
    };
    asked.iter().zip(&holders).zip(found).map(|((r, holder), found)| value(r, holder, found)).collect()
}

fn version(item: &str, number: Option<u64>) -> Result<Version> {
    number.map(|number| Version(format!("{item}@{number}"))).ok_or_else(|| {
        Error::new("1Password Connect sent an item without its version")
            .hint("check OP_CONNECT_HOST and the source's url in pkeys.toml: another program may answer there")
    })
}

/// 1Password's ids: 26 small letters and digits.
fn is_id(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// The first of each that has the same key, in order.
fn first_of_each<T, K: Hash + Eq>(all: impl Iterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut seen = HashSet::new();
    all.filter(|one| seen.insert(key(one))).collect()
}
