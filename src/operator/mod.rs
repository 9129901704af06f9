//! The person at the workstation: their identities, signing key, tokens and passphrases.
//!
//! May import `base` and `bundle`. Asks questions only through [`Prompt`].

mod config;
mod keyring;
mod keys;
mod prompt;

pub use config::{Config, config_directory};
pub use keyring::{Keyring, Stored};
pub use keys::{Keys, NewKeys, new_identity, new_signing_key, public_of_signing_key, recipients_of};
pub use prompt::{Prompt, Terminal};
