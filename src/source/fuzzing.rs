//! Fuzzing of references; of what Connect answers see `connect::fuzzing`.

pub use super::connect::fuzzing::{connect, ssh_key};

use super::{Query, Reference};
use pkeys_bundle::fuzzing::needle::{discreet, each_text};

/// A reference comes back as it was written.
pub fn reference(bytes: &[u8]) {
    each_text(bytes, |text| match Reference::parse(text) {
        Err(error) => discreet(&error),
        Ok(reference) => {
            assert_eq!(reference.to_string(), text);
            assert!(!text.contains(char::is_control));
            if let Reference::Op(op) = reference {
                let parts = [&op.vault, &op.item, &op.field].into_iter().chain(&op.section);
                assert!(parts.clone().all(|part| !part.trim().is_empty() && !part.contains(['/', '?'])));
                assert_eq!(op.query.map(Query::as_str), text.split_once('?').map(|(_, query)| query));
            }
        }
    });
}
