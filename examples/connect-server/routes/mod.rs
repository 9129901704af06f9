//! The calls. Each handler checks in Connect's order: token (401), ids (400), vault (404, 403), then the thing itself.

pub(crate) mod activity;
mod control;
mod files;
mod health;
mod items;
mod vaults;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use crate::App;
use crate::reply::Refusal;

pub(crate) fn router(app: Arc<App>) -> Router {
    let item = get(items::read).put(items::replace).patch(items::patch).delete(items::delete);
    Router::new()
        .route("/v1/vaults", get(vaults::list))
        .route("/v1/vaults/{vault}", get(vaults::read))
        .route("/v1/vaults/{vault}/items", get(items::list).post(items::create))
        .route("/v1/vaults/{vault}/items/{item}", item)
        .route("/v1/vaults/{vault}/items/{item}/files", get(files::list))
        .route("/v1/vaults/{vault}/items/{item}/files/{file}", get(files::read))
        .route("/v1/vaults/{vault}/items/{item}/files/{file}/content", get(files::content))
        .route("/v1/activity", get(activity::list))
        .route("/heartbeat", get(health::heartbeat))
        .route("/health", get(health::health))
        .route("/metrics", get(health::metrics))
        .route("/_stand-in/requests", get(control::requests).delete(control::reset))
        .route("/_stand-in/faults", get(control::faults).post(control::set_faults))
        .fallback(|| async { Refusal::new(StatusCode::NOT_FOUND, "Not found") })
        .method_not_allowed_fallback(|| async { Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed") })
        .with_state(app)
}
