//! Who may do what: a token opens some vaults, each for reading or for writing too.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use serde::Deserialize;

use crate::reply::Refusal;
use crate::routes::activity::{Actor, Event};
use crate::serve::Peer;
use crate::store::Store;

/// A token as the data file gives it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    pub(crate) token: String,
    pub(crate) vaults: BTreeMap<String, Scope>,
    /// An expired token is refused like a wrong one.
    #[serde(default)]
    expired: bool,
    /// Who `lastEditedBy` names, and `/v1/activity` as the actor.
    #[serde(skip, default = "crate::generate::id")]
    editor: String,
    #[serde(skip, default = "crate::generate::uuid")]
    actor: String,
    #[serde(skip, default = "crate::generate::id")]
    jti: String,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    Read,
    Write,
}

/// What a request says about its sender; not yet checked.
pub(crate) struct Caller {
    bearer: Option<String>,
    method: Method,
    user_agent: String,
    peer: Option<SocketAddr>,
}

/// A caller with a good token.
pub(crate) struct Grant {
    token: Token,
    caller: Caller,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let authorization = text(header::AUTHORIZATION);
        let bearer = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        Ok(Self {
            bearer: bearer.map(|(_, token)| token.trim().to_owned()),
            method: parts.method.clone(),
            user_agent: text(header::USER_AGENT),
            peer: parts.extensions.get::<Peer>().map(|peer| peer.0),
        })
    }
}

impl Caller {
    /// Finds the caller's token, or answers 401.
    pub(crate) fn grant(self, store: &mut Store) -> Result<Grant, Refusal> {
        let refuse = |message: &str| Err(Refusal::new(StatusCode::UNAUTHORIZED, message));
        let Some(bearer) = &self.bearer else { return refuse("Invalid or missing token") };
        let Some(token) = store.tokens.iter().find(|token| token.token == *bearer).cloned() else {
            return refuse("Invalid token signature");
        };
        if token.expired {
            return refuse("Invalid token: expired");
        }
        store.awake = true;
        Ok(Grant { token, caller: self })
    }
}

impl Grant {
    pub(crate) fn sees(&self, vault: &str) -> bool {
        self.token.vaults.contains_key(vault)
    }

    /// Who edits, for `lastEditedBy`.
    pub(crate) fn editor(&self) -> &str {
        &self.token.editor
    }

    /// Allows the request's method on the vault, or answers 404 or 403; writes `/v1/activity` either way.
    pub(crate) fn allow(&self, store: &mut Store, vault: &str, item: Option<&str>) -> Result<(), Refusal> {
        store.vault(vault)?;
        let deny = |message: String| Err(Refusal::new(StatusCode::FORBIDDEN, message));
        let verdict = match self.token.vaults.get(vault) {
            None => deny(format!("Authorization: token does not have access to vault {vault}")),
            Some(Scope::Read) if self.caller.method != Method::GET => {
                deny(format!("Authorization: token does not have write access to vault {vault}"))
            }
            Some(_) => Ok(()),
        };
        self.record(store, Some(vault), item, verdict.is_ok());
        verdict
    }

    /// Writes one line of `/v1/activity`.
    pub(crate) fn record(&self, store: &mut Store, vault: Option<&str>, item: Option<&str>, success: bool) {
        let actor = Actor {
            id: self.token.actor.clone(),
            account: "STANDINACCOUNTSTANDINACCOU".to_owned(),
            jti: self.token.jti.clone(),
            user_agent: self.caller.user_agent.clone(),
            request_ip: self.caller.peer.map(|peer| peer.ip().to_string()).unwrap_or_default(),
        };
        store.activity.push(Event::new(&self.caller.method, actor, vault, item, success));
    }
}
