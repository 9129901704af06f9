//! `/v1/activity`: what was asked, by which token, and whether it was allowed. The newest comes first.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::auth::Caller;
use crate::item::Id;
use crate::reply::Refusal;
use crate::store::timestamp;
use crate::{App, generate};

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    request_id: String,
    timestamp: String,
    action: &'static str,
    result: &'static str,
    actor: Actor,
    resource: Resource,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Actor {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) jti: String,
    pub(crate) user_agent: String,
    pub(crate) request_ip: String,
}

#[derive(Clone, Serialize)]
struct Resource {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vault: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<Id>,
}

impl Event {
    pub(crate) fn new(method: &Method, actor: Actor, vault: Option<&str>, item: Option<&str>, success: bool) -> Self {
        let action = match method.as_str() {
            "POST" => "CREATE",
            "PUT" | "PATCH" => "UPDATE",
            "DELETE" => "DELETE",
            _ => "READ",
        };
        let id = |id: &str| Id { id: id.to_owned() };
        Self {
            request_id: generate::uuid(),
            timestamp: timestamp(),
            action,
            result: if success { "SUCCESS" } else { "DENY" },
            actor,
            resource: Resource {
                kind: if item.is_some() || action == "CREATE" { "ITEM" } else { "VAULT" },
                vault: vault.map(id),
                item: item.map(id),
            },
        }
    }
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Query(query): Query<HashMap<String, String>>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let mut store = app.store();
    caller.grant(&mut store)?;
    let number = |name: &str, default: usize| match query.get(name) {
        Some(text) => text.parse().map_err(|_| Refusal::bad_request(format!("Invalid {name}"))),
        None => Ok(default),
    };
    let (limit, offset) = (number("limit", 50)?, number("offset", 0)?);
    let page: Vec<Event> = store.activity.iter().rev().skip(offset).take(limit).cloned().collect();
    let (from, to) = if page.is_empty() { (0, 0) } else { (offset + 1, offset + page.len()) };
    let range = format!("{from}-{to}/{}", store.activity.len());
    Ok(([("Content-Range", range)], Json(page)).into_response())
}
