//! Vaults: only those that the token opens.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};

use crate::App;
use crate::auth::Caller;
use crate::filter::Filter;
use crate::reply::Reply;
use crate::store::{Vault, VaultInfo, check_id};

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Query(query): Query<HashMap<String, String>>,
    caller: Caller,
) -> Reply<Vec<VaultInfo>> {
    let mut store = app.store();
    let grant = caller.grant(&mut store)?;
    let filter = query.get("filter").map(|text| Filter::parse(text, &["name", "title"])).transpose()?;
    grant.record(&mut store, None, None, true);
    let vaults = store.vaults.iter().filter(|vault| grant.sees(&vault.info.id));
    let matching = vaults.filter(|vault| filter.as_ref().is_none_or(|filter| filter.matches(&vault.info.name)));
    Ok(Json(matching.map(Vault::view).collect()))
}

pub(crate) async fn read(State(app): State<Arc<App>>, Path(vault): Path<String>, caller: Caller) -> Reply<VaultInfo> {
    let mut store = app.store();
    let grant = caller.grant(&mut store)?;
    check_id("Vault", &vault)?;
    grant.allow(&mut store, &vault, None)?;
    Ok(Json(store.vault(&vault)?.view()))
}
