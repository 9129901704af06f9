//! Files: listed, described, read. Connect takes no uploads.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::App;
use crate::auth::Caller;
use crate::item::File;
use crate::reply::{Refusal, Reply};
use crate::store::check_id;

const TOO_LARGE: &str = "File is too large to inline in request. Use the \
    /v1/vaults/{vaultUUID}/items/{itemUUID}/files/{fileUUID}/content endpoint instead.";

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Path((vault, item)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    caller: Caller,
) -> Reply<Vec<File>> {
    let files = files(&app, &vault, &item, None, caller)?;
    let shown: Result<Vec<File>, Refusal> = files.into_iter().map(|file| show(&app, file, &query)).collect();
    Ok(Json(shown?))
}

pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Path((vault, item, id)): Path<(String, String, String)>,
    Query(query): Query<HashMap<String, String>>,
    caller: Caller,
) -> Reply<File> {
    Ok(Json(show(&app, one(&app, &vault, &item, &id, caller)?, &query)?))
}

pub(crate) async fn content(
    State(app): State<Arc<App>>,
    Path((vault, item, id)): Path<(String, String, String)>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let file = one(&app, &vault, &item, &id, caller)?;
    let name: String = file.name.chars().filter(|letter| !matches!(letter, '"' | '\\' | '\r' | '\n')).collect();
    let disposition = HeaderValue::from_bytes(format!("attachment; filename=\"{name}\"").as_bytes())
        .unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, file.bytes).into_response())
}

fn files(app: &App, vault: &str, item: &str, file: Option<&str>, caller: Caller) -> Result<Vec<File>, Refusal> {
    let faults = app.faults().settings().clone();
    let mut store = app.store();
    let grant = caller.grant(&mut store)?;
    check_id("Vault", vault)?;
    check_id("Item", item)?;
    if let Some(file) = file {
        check_id("File", file)?;
    }
    grant.allow(&mut store, vault, Some(item))?;
    Ok(store.vault(vault)?.read(item, &faults)?.files.clone())
}

fn one(app: &App, vault: &str, item: &str, id: &str, caller: Caller) -> Result<File, Refusal> {
    let files = files(app, vault, item, Some(id), caller)?;
    files.into_iter().find(|file| file.id == id).ok_or_else(|| Refusal::not_found("file", id))
}

/// With its content when the client asks for it.
fn show(app: &App, mut file: File, query: &HashMap<String, String>) -> Result<File, Refusal> {
    if query.get("inline_files").map(String::as_str) == Some("true") {
        if file.size > app.max_inline {
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE));
        }
        file.content = Some(STANDARD.encode(&file.bytes));
    }
    Ok(file)
}
