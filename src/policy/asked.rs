//! Each question, and how it is said.

use crate::base::HostName;
use crate::keys::UserKey;
use crate::policy::World;
use crate::policy::engine::{Question, context};
use crate::policy::names::{self, Action};
use crate::policy::world::{key_name, signing_key_name};
use cedar_policy::{Context, RestrictedExpression};

/// A question, and how it is said.
pub(super) struct Asked {
    pub question: Question,
    /// `host web may not get the secret db`
    pub what: String,
    /// Whom a warning is about.
    pub whom: String,
}

fn question(
    action: Action,
    principal: cedar_policy::EntityUid,
    resource: cedar_policy::EntityUid,
    context: Context,
) -> Question {
    Question { action, principal, resource, context }
}

/// The context of a delivery or a login.
pub(super) fn selected(selected: bool) -> Context {
    context("selected", RestrictedExpression::new_bool(selected))
}

fn purpose(purpose: &str) -> Context {
    context("purpose", RestrictedExpression::new_string(purpose.into()))
}

pub(super) fn deliver(host: &str, secret: &str, is_selected: bool) -> Asked {
    Asked {
        question: question(Action::Deliver, names::host(host), names::secret(secret), selected(is_selected)),
        what: format!("host {host} may not get the secret {secret}"),
        whom: format!("secret {secret} on {host}"),
    }
}

pub(super) fn authorize(key: &UserKey, host: &HostName) -> Asked {
    let name = key_name(key);
    Asked {
        question: question(Action::Authorize, World::key(key), names::host(host.as_str()), selected(true)),
        what: format!("the key {name} may not log in on {host}"),
        whom: format!("key {name}"),
    }
}

pub(super) fn use_key(key: &UserKey) -> Asked {
    let name = key_name(key);
    Asked {
        question: question(Action::Use, names::user(key.user.as_str()), World::key(key), purpose("login")),
        what: format!("{} may not use the key {name}", key.user),
        whom: format!("key {name}"),
    }
}

pub(super) fn sign(operator: &str) -> Asked {
    let key = names::ssh_key(&signing_key_name(operator));
    Asked {
        question: question(Action::Use, names::operator(operator), key, purpose("sign")),
        what: format!("{operator} may not sign with the signing key of pkeys.toml"),
        whom: format!("signing key of {operator}"),
    }
}

pub(super) fn push(operator: &str, host: &HostName) -> Asked {
    Asked {
        question: question(Action::Push, names::operator(operator), names::host(host.as_str()), Context::empty()),
        what: format!("the bundle of {host}, signed by {operator}, may not be pushed"),
        whom: host.to_string(),
    }
}

pub(super) fn render(operator: &str, host: &HostName) -> Asked {
    Asked {
        question: question(Action::Render, names::operator(operator), names::host(host.as_str()), Context::empty()),
        what: format!("{operator} may not render {host}"),
        whom: host.to_string(),
    }
}
