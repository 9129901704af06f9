//! The OS keyring: the Secret Service of the desktop, or the kernel's keyring of the user where there is none.

use crate::base::{Error, Result, SecretBytes};
use keyring_core::CredentialStore;
use std::collections::BTreeSet;
use std::sync::Arc;

const SERVICE: &str = "pkeys";
/// The entry that lists the names of all others, a line each: the kernel's keyring cannot be searched.
const INDEX: &str = "names";

/// Where something was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The desktop's keyring: stays until it is removed.
    Desktop,
    /// The kernel's keyring: stays while the user is logged in, and until the machine restarts at most.
    Kernel {
        /// For how long it stays after the last use by a user who has logged out; `None`: not at all.
        after_logout: Option<String>,
    },
}

/// The operator's keyring.
#[derive(Clone, Copy, Debug)]
pub struct Keyring;

impl Keyring {
    /// Stores a secret under a name such as `connect:URL`.
    ///
    /// # Errors
    /// When no keyring takes it.
    pub fn set(self, name: &str, secret: &SecretBytes) -> Result<Stored> {
        let stores = Self::stores();
        let taken = stores.into_iter().find(|(_, store)| set(store, name, secret));
        taken.map(|(stored, _)| stored).ok_or_else(|| Error::new("there is no keyring service here"))
    }

    /// What is stored under a name, if anything.
    pub fn get(self, name: &str) -> Option<SecretBytes> {
        Self::stores().iter().find_map(|(_, store)| get(store, name))
    }

    /// Removes what is stored under a name. Returns whether there was anything.
    pub fn remove(self, name: &str) -> bool {
        Self::stores().iter().filter(|(_, store)| remove(store, name)).count() > 0
    }

    /// The names of all that is stored, in every keyring.
    pub fn names(self) -> BTreeSet<String> {
        Self::stores().iter().flat_map(|(_, store)| names(store)).collect()
    }

    /// The stores that can be reached, the lasting one first. `PKEYS_NO_KEYRING` turns them off.
    fn stores() -> Vec<(Stored, Arc<CredentialStore>)> {
        let mut stores = Vec::new();
        if std::env::var_os("PKEYS_NO_KEYRING").is_some() {
            return stores;
        }
        // The crate `keyring` knows which store the system's desktop has.
        if keyring::v1::Entry::store_status().is_ok()
            && let Some(store) = keyring_core::get_default_store()
        {
            stores.push((Stored::Desktop, store));
        }
        #[cfg(target_os = "linux")]
        if let Ok(store) = linux_keyutils_keyring_store::Store::new() {
            stores.push((Stored::Kernel { after_logout: after_logout() }, store));
        }
        stores
    }
}

/// The kernel drops a user's persistent keyring when nobody used it for so long; a session's, when the session ends
/// (persistent-keyring(7), session-keyring(7)).
#[cfg(target_os = "linux")]
fn after_logout() -> Option<String> {
    let seconds = std::fs::read_to_string("/proc/sys/kernel/keys/persistent_keyring_expiry").ok()?;
    let hours = seconds.trim().parse::<u64>().ok()? / 3600;
    Some(if hours.is_multiple_of(24) { format!("{} days", hours / 24) } else { format!("{hours} hours") })
}

fn set(store: &Arc<CredentialStore>, name: &str, secret: &SecretBytes) -> bool {
    let write =
        |name: &str, bytes: &[u8]| store.build(SERVICE, name, None).is_ok_and(|entry| entry.set_secret(bytes).is_ok());
    let mut all = listed(store);
    // The name first: what is stored is listed.
    let known = !all.insert(name.to_owned()) || write(INDEX, lines(&all).as_bytes());
    known && write(name, secret.expose())
}

fn get(store: &Arc<CredentialStore>, name: &str) -> Option<SecretBytes> {
    store.build(SERVICE, name, None).ok()?.get_secret().ok().map(SecretBytes::new)
}

fn remove(store: &Arc<CredentialStore>, name: &str) -> bool {
    let delete = |name: &str| store.build(SERVICE, name, None).is_ok_and(|entry| entry.delete_credential().is_ok());
    let removed = delete(name);
    let mut all = listed(store);
    if all.remove(name) {
        match store.build(SERVICE, INDEX, None) {
            _ if all.is_empty() => drop(delete(INDEX)),
            Ok(entry) => drop(entry.set_secret(lines(&all).as_bytes())),
            Err(_) => {}
        }
    }
    removed
}

/// Those that are listed and there, and those that a search finds.
fn names(store: &Arc<CredentialStore>) -> BTreeSet<String> {
    let found = store.search(&[("service", SERVICE)].into()).unwrap_or_default();
    let user = |entry: &keyring_core::Entry| entry.get_specifiers().map(|(_, user)| user);
    let listed = listed(store).into_iter().filter(|name| get(store, name).is_some());
    found.iter().filter_map(user).filter(|name| name != INDEX).chain(listed).collect()
}

fn listed(store: &Arc<CredentialStore>) -> BTreeSet<String> {
    let text = get(store, INDEX);
    let text = text.as_ref().and_then(SecretBytes::expose_str).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn lines(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| format!("{name}\n")).collect()
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
