//! Where secret values come from: 1Password Connect and local age files, behind one trait; and where the private halves
//! of user keys are kept, in the same places, behind another.
//!
//! The only folder that talks to secret stores. It may import `base`, and for age files `bundle`, prints nothing,
//! and decides nothing about who gets a value.

pub mod age;
pub mod connect;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod kept;
mod pair;
pub mod reference;

pub use age::{AgeFiles, AgeKeys};
pub use connect::{Address as ConnectAddress, Connect, ConnectKeys, Settings as ConnectSettings};
pub use kept::{KeptKey, KeyPlace, KeyRecord, KeyStore};
pub use reference::{OpReference, Query, Reference};

use crate::base::{Result, SecretBytes};
use std::fmt;

/// A source's own version of a value; never derived from the plaintext.
///
/// 1Password: the item's id and version number as `ID@VERSION`. Local age files: the SHA-256 of the encrypted file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub String);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A secret value, with the version that it was read at.
#[derive(Debug)]
pub struct Value {
    /// The value, byte for byte as the source holds it; never empty.
    pub bytes: SecretBytes,
    /// The version that these bytes have.
    pub version: Version,
}

/// A secret store.
///
/// Both calls answer in the order of what was asked, one answer for each reference. The failure of one reference
/// leaves the others alone; a failure of the whole store is said for each.
pub trait Source {
    /// The current version of each reference, in order, reading no secret value.
    fn versions(&self, references: &[&Reference]) -> Vec<Result<Version>>;

    /// The value of each reference, in order.
    fn read(&self, references: &[&Reference]) -> Vec<Result<Value>>;
}
