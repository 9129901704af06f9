//! `/_stand-in/…`: what Connect does not have. Tests count requests and change the faults here.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::App;
use crate::faults::{Faults, Settings};
use crate::reply::{Refusal, Reply};

pub(crate) async fn requests(State(app): State<Arc<App>>) -> Response {
    Json(&*app.log()).into_response()
}

pub(crate) async fn reset(State(app): State<Arc<App>>) -> StatusCode {
    app.log().reset();
    StatusCode::NO_CONTENT
}

/// As they are now: what has hit is counted down.
pub(crate) async fn faults(State(app): State<Arc<App>>) -> Json<Settings> {
    Json(app.faults().settings().clone())
}

/// Sets the faults to exactly these; `{}` ends all.
pub(crate) async fn set_faults(State(app): State<Arc<App>>, body: Bytes) -> Reply<Settings> {
    let settings: Settings = serde_json::from_slice(&body).map_err(|error| Refusal::bad_request(error.to_string()))?;
    if settings.status.is_some_and(|status| !(200..=599).contains(&status)) {
        return Err(Refusal::bad_request("`status` must be between 200 and 599"));
    }
    *app.faults() = Faults::new(settings.clone());
    Ok(Json(settings))
}
