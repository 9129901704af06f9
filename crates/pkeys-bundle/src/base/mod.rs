//! What everything else stands on: errors with a next step, secret bytes, names, and the one place that writes files.
//!
//! Imports nothing from the rest of the crate.

pub mod error;
pub mod files;
pub mod filter;
pub mod hidden_line;
pub mod masking;
pub mod name;
pub mod process;
pub mod secret;
pub mod unique;
pub mod usage;

pub use error::{Error, Result};
pub use filter::printable;
pub use masking::shown;
pub use name::{FleetId, HostName, KeyLabel, OperatorName, SecretName, UserName};
pub use secret::SecretBytes;
