//! Items: overviews, and reading and writing one.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::de::DeserializeOwned;

use crate::App;
use crate::auth::Caller;
use crate::faults::Fault;
use crate::filter::Filter;
use crate::item::Item;
use crate::patch::{self, Operation};
use crate::reply::{Refusal, Reply};
use crate::rules;
use crate::store::check_id;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Path(vault): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    caller: Caller,
) -> Reply<Vec<Item>> {
    let faults = app.faults().settings().clone();
    let mut store = app.store();
    let grant = caller.grant(&mut store)?;
    check_id("Vault", &vault)?;
    grant.allow(&mut store, &vault, None)?;
    let filter = query.get("filter").map(|text| Filter::parse(text, &["title", "tag"])).transpose()?;
    let matches = |item: &Item| match &filter {
        None => true,
        Some(filter) if filter.attribute() == "tag" => item.tags.iter().any(|tag| filter.matches(tag)),
        Some(filter) => filter.matches(&item.title),
    };
    let items = store.vault(&vault)?.read_all(&faults);
    Ok(Json(items.into_iter().filter(|item| matches(item)).map(Item::overview).collect()))
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Path(vault): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Reply<Item> {
    let mut store = app.store();
    let grant = caller.grant(&mut store)?;
    check_id("Vault", &vault)?;
    grant.allow(&mut store, &vault, None)?;
    let item = rules::accept(parse(&body)?, &vault, None, grant.editor())?;
    store.vault(&vault)?.insert(item.clone());
    Ok(Json(item.full()))
}

pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Path((vault, id)): Path<(String, String)>,
    fault: Option<Extension<Fault>>,
    caller: Caller,
) -> Reply<Item> {
    let faults = app.faults().settings().clone();
    let mut store = app.store();
    let grant = caller.grant(&mut store)?;
    check_ids(&vault, &id)?;
    grant.allow(&mut store, &vault, Some(&id))?;
    let vault = store.vault(&vault)?;
    if matches!(fault, Some(Extension(Fault::WrongItem)))
        && let Some(other) = vault.read_all(&faults).into_iter().find(|item| item.id != id)
    {
        return Ok(Json(other.full()));
    }
    Ok(Json(vault.read(&id, &faults)?.full()))
}

pub(crate) async fn replace(
    State(app): State<Arc<App>>,
    Path((vault, id)): Path<(String, String)>,
    caller: Caller,
    body: Bytes,
) -> Reply<Item> {
    change(&app, &vault, &id, caller, |_| parse(&body).map(Some))
}

pub(crate) async fn patch(
    State(app): State<Arc<App>>,
    Path((vault, id)): Path<(String, String)>,
    caller: Caller,
    body: Bytes,
) -> Reply<Item> {
    change(&app, &vault, &id, caller, |item| {
        let operations: Vec<Operation> = parse(&body)?;
        if operations.is_empty() { Ok(None) } else { patch::apply(item, &operations).map(Some) }
    })
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Path((vault, id)): Path<(String, String)>,
    caller: Caller,
) -> Result<StatusCode, Refusal> {
    let mut store = app.store();
    let grant = caller.grant(&mut store)?;
    check_ids(&vault, &id)?;
    grant.allow(&mut store, &vault, Some(&id))?;
    let vault = store.vault(&vault)?;
    vault.current(&id)?;
    vault.write(&id, None);
    Ok(StatusCode::NO_CONTENT)
}

/// `make` turns the item into what the client wants; `None` leaves it as it is.
fn change(
    app: &App,
    vault: &str,
    id: &str,
    caller: Caller,
    make: impl FnOnce(&Item) -> Result<Option<Item>, Refusal>,
) -> Reply<Item> {
    let faults = app.faults().settings().clone();
    let mut store = app.store();
    let grant = caller.grant(&mut store)?;
    check_ids(vault, id)?;
    grant.allow(&mut store, vault, Some(id))?;
    let place = store.vault(vault)?;
    let old = place.current(id)?.clone();
    let Some(wanted) = make(&old)? else { return Ok(Json(old.full())) };
    let item = rules::accept(wanted, vault, Some(&old), grant.editor())?;
    place.write(id, Some(item.clone()));
    let mut answer = item.full();
    if faults.stale_ms > 0 || faults.stale_reads > 0 {
        // What is seen in the wild: the new content under the old version number.
        answer.version = old.version;
    }
    Ok(Json(answer))
}

fn check_ids(vault: &str, item: &str) -> Result<(), Refusal> {
    check_id("Vault", vault)?;
    check_id("Item", item)
}

/// Never says what stood there: it may be a secret.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        Refusal::bad_request(format!("Invalid request body at line {}, column {}", error.line(), error.column()))
    })
}
