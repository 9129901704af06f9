//! The OS keyring: the Secret Service of the desktop, or the kernel's keyring of the session where there is none.

use crate::base::{Error, Result, SecretBytes};

const SERVICE: &str = "pkeys";

/// Where something was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The desktop's keyring: stays until it is removed.
    Desktop,
    /// The kernel's keyring: stays until the machine restarts.
    Kernel,
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
        for (store, entry) in stores.iter().filter_map(|s| Some((s.0, s.1.build(SERVICE, name, None).ok()?))) {
            if entry.set_secret(secret.expose()).is_ok() {
                return Ok(store);
            }
        }
        Err(Error::new("there is no keyring service here"))
    }

    /// What is stored under a name, if anything.
    pub fn get(self, name: &str) -> Option<SecretBytes> {
        Self::stores()
            .iter()
            .find_map(|(_, store)| store.build(SERVICE, name, None).ok()?.get_secret().ok())
            .map(SecretBytes::new)
    }

    /// Removes what is stored under a name. Returns whether there was anything.
    pub fn remove(self, name: &str) -> bool {
        let removed = Self::stores()
            .iter()
            .filter(|(_, store)| store.build(SERVICE, name, None).is_ok_and(|entry| entry.delete_credential().is_ok()))
            .count();
        removed > 0
    }

    /// The stores that can be reached, the lasting one first. `PKEYS_NO_KEYRING` turns them off.
    fn stores() -> Vec<(Stored, std::sync::Arc<keyring_core::CredentialStore>)> {
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
            stores.push((Stored::Kernel, store));
        }
        stores
    }
}
