//! The five questions, and how entities are called.

use cedar_policy::{EntityId, EntityTypeName, EntityUid};
use std::str::FromStr;
use std::sync::LazyLock;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// A host gets a secret.
    Deliver,
    /// A key may log in on a host.
    Authorize,
    /// A user or operator uses a key.
    Use,
    /// An operator makes a host's bundle.
    Render,
    /// A bundle goes to its host.
    Push,
}

/// All of them, in the order of their numbers.
pub(super) const ACTIONS: [Action; 5] = [Action::Deliver, Action::Authorize, Action::Use, Action::Render, Action::Push];

static TYPES: LazyLock<[EntityTypeName; 6]> = LazyLock::new(|| {
    ["Host", "Secret", "User", "Operator", "SshKey", "Action"]
        .map(|name| EntityTypeName::from_str(name).expect("these are names"))
});

impl Action {
    /// Its name in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Authorize => "authorize",
            Self::Use => "use",
            Self::Render => "render",
            Self::Push => "push",
        }
    }

    /// From its name in policies.
    pub(super) fn named(name: &str) -> Option<Self> {
        ACTIONS.into_iter().find(|action| action.as_str() == name)
    }

    pub(super) fn uid(self) -> EntityUid {
        uid(5, self.as_str())
    }
}

fn uid(kind: usize, name: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(TYPES[kind].clone(), EntityId::new(name))
}

pub(super) fn host(name: &str) -> EntityUid {
    uid(0, name)
}

pub(super) fn secret(name: &str) -> EntityUid {
    uid(1, name)
}

pub(super) fn user(name: &str) -> EntityUid {
    uid(2, name)
}

pub(super) fn operator(name: &str) -> EntityUid {
    uid(3, name)
}

pub(super) fn ssh_key(name: &str) -> EntityUid {
    uid(4, name)
}
