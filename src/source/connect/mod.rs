//! 1Password Connect as a source of secret values, and as a place that keeps private halves of user keys.
//!
//! `plan` decides what is asked for, `store` asks once and remembers, `client` and `retry` send; `resolve`, `value`,
//! `sshkey` and `key_item` are pure. Only `change` ever changes an item, and only those that `keys` made.

mod address;
mod body;
mod change;
mod client;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod key_item;
mod keys;
mod model;
mod plan;
mod problem;
mod resolve;
mod retry;
mod sshkey;
mod store;
mod value;

pub use address::Address;
pub use keys::ConnectKeys;
pub use retry::Policy;

use crate::base::{Error, Result, SecretBytes};
use crate::source::{OpReference, Reference, Source, Value, Version};
use std::path::PathBuf;
use std::time::Duration;

/// How to reach a Connect server.
#[derive(Debug)]
pub struct Settings {
    /// Its address, such as `http://127.0.0.1:8080`.
    pub url: String,
    /// The bearer token. White space around it is not part of it.
    pub token: SecretBytes,
    /// A PEM file with CA certificates to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long one attempt may take until its answer begins, and until it ends.
    pub timeout: Duration,
    /// How failures that may pass are tried again.
    pub retry: Policy,
}

impl Settings {
    /// Settings with the usual time limits: 5 seconds to connect, 30 in all.
    pub fn new(url: impl Into<String>, token: SecretBytes) -> Self {
        Self {
            url: url.into(),
            token,
            ca_file: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            retry: Policy::default(),
        }
    }
}

/// A 1Password Connect server, and what it has said in this run: each thing is asked for once.
pub struct Connect {
    store: store::Store,
    warnings: Vec<String>,
}

impl Connect {
    /// Makes ready to talk to the server; sends nothing yet.
    ///
    /// # Errors
    /// When the address, the token or the CA file is none.
    pub fn new(settings: Settings) -> Result<Self> {
        let address = Address::parse(&settings.url)?;
        let warnings = address.warning().into_iter().collect();
        Ok(Self { store: store::Store::new(client::Client::new(&settings, address)?), warnings })
    }

    /// Asks the server whether it takes the token. Returns the names of the vaults that the token sees.
    ///
    /// # Errors
    /// When there is no server, it is not 1Password Connect, or it refuses the token.
    pub fn check(&self) -> Result<Vec<String>> {
        let vaults = self.store.vaults().map_err(|failed| failed.error)?;
        Ok(vaults.iter().map(|vault| model::shown(&vault.name)).collect())
    }

    /// What the operator should hear: that the token would travel unencrypted.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    /// Adds something that the operator should hear.
    pub fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Drops all that was remembered, so that the next call asks anew. For whoever changed an item in the meantime.
    pub fn forget(&self) {
        self.store.forget();
    }
}

impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connect({})", self.store.client.address())
    }
}

impl Source for Connect {
    /// An item's version: one request for the vaults and one for each vault. Whether the field exists is not looked at.
    fn versions(&self, references: &[&Reference]) -> Vec<Result<Version>> {
        with_own(references, |own| plan::versions(&self.store, own))
    }

    fn read(&self, references: &[&Reference]) -> Vec<Result<Value>> {
        with_own(references, |own| plan::values(&self.store, own))
    }
}

/// Asks for the references that are 1Password's; the others get an error.
fn with_own<T>(references: &[&Reference], ask: impl FnOnce(&[&OpReference]) -> Vec<Result<T>>) -> Vec<Result<T>> {
    let own: Vec<Option<&OpReference>> = references
        .iter()
        .map(|reference| match reference {
            Reference::Op(op) => Some(op),
            Reference::Age(_) => None,
        })
        .collect();
    let mut answers = ask(&own.iter().flatten().copied().collect::<Vec<_>>()).into_iter();
    let foreign =
        || Error::new("that reference is not one to 1Password").hint("references to 1Password start with op://");
    own.iter().map(|own| own.and_then(|_| answers.next()).unwrap_or_else(|| Err(foreign()))).collect()
}
