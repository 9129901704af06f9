//! What needs no token: `/heartbeat`, `/health`, `/metrics`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::{App, VERSION};

pub(crate) async fn heartbeat() -> &'static str {
    "."
}

pub(crate) async fn health(State(app): State<Arc<App>>) -> Json<Value> {
    let sync = if app.store().awake { "ACTIVE" } else { "TOKEN_NEEDED" };
    Json(json!({
        "name": "1Password Connect API",
        "version": VERSION,
        "dependencies": [
            { "service": "sync", "status": sync },
            { "service": "sqlite", "status": "ACTIVE", "message": "Connected to memory" },
        ],
    }))
}

pub(crate) async fn metrics(State(app): State<Arc<App>>) -> String {
    let store = app.store();
    let items: usize = store.vaults.iter().map(|vault| vault.view().items).sum();
    format!(
        "# HELP stand_in_api_requests_total The requests that a token was good for.\n\
         # TYPE stand_in_api_requests_total counter\n\
         stand_in_api_requests_total {}\n\
         # HELP stand_in_items The active items.\n\
         # TYPE stand_in_items gauge\n\
         stand_in_items {items}\n",
        store.activity.len()
    )
}
