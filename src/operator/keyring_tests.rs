use super::{get, names, remove, set};
use crate::base::SecretBytes;
use keyring_core::api::{CredentialApi, CredentialStoreApi};
use keyring_core::{Credential, CredentialStore, Entry, Error, Result};
use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

/// A keyring in memory that cannot be searched, as the kernel's.
#[derive(Debug, Default)]
struct Memory(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

#[derive(Debug)]
struct One(Arc<Mutex<BTreeMap<String, Vec<u8>>>>, String);

impl CredentialStoreApi for Memory {
    fn vendor(&self) -> String {
        "test".into()
    }
    fn id(&self) -> String {
        "test".into()
    }
    fn build(&self, service: &str, user: &str, _: Option<&HashMap<&str, &str>>) -> Result<Entry> {
        assert_eq!(service, "pkeys");
        Ok(Entry::new_with_credential(Arc::new(One(self.0.clone(), user.into()))))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl CredentialApi for One {
    fn set_secret(&self, secret: &[u8]) -> Result<()> {
        self.0.lock().unwrap().insert(self.1.clone(), secret.to_vec());
        Ok(())
    }
    fn get_secret(&self) -> Result<Vec<u8>> {
        self.0.lock().unwrap().get(&self.1).cloned().ok_or(Error::NoEntry)
    }
    fn delete_credential(&self) -> Result<()> {
        self.0.lock().unwrap().remove(&self.1).map(drop).ok_or(Error::NoEntry)
    }
    fn get_credential(&self) -> Result<Option<Arc<Credential>>> {
        Ok(None)
    }
    fn get_specifiers(&self) -> Option<(String, String)> {
        Some(("pkeys".into(), self.1.clone()))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[test]
fn everything_that_was_stored_is_known_by_name_and_removed_without_a_trace() {
    let memory = Memory::default();
    let content = memory.0.clone();
    let store: Arc<CredentialStore> = Arc::new(memory);
    for name in ["connect-token:https://a", "connect-token:https://b", "passphrase:Passphrase for /x"] {
        assert!(set(&store, name, &SecretBytes::copy_of(b"hunter2")));
    }
    assert!(set(&store, "connect-token:https://a", &SecretBytes::copy_of(b"newer")));
    assert_eq!(get(&store, "connect-token:https://a").unwrap().expose(), b"newer");
    assert_eq!(names(&store).len(), 3);
    // One that the kernel dropped meanwhile is not named.
    content.lock().unwrap().remove("connect-token:https://b");
    assert_eq!(
        names(&store).into_iter().collect::<Vec<_>>(),
        ["connect-token:https://a", "passphrase:Passphrase for /x"]
    );
    assert!(!remove(&store, "connect-token:https://b"));
    for name in names(&store) {
        assert!(remove(&store, &name));
    }
    assert!(content.lock().unwrap().is_empty(), "{content:?}");
}
