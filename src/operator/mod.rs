//! The person at the workstation: their identities, signing key, tokens and passphrases.
//!
//! May import `base` and `bundle`. Asks questions only through [`Prompt`].

mod config;
mod config_edit;
mod editor;
pub mod environment;
mod generate;
mod keyring;
mod keys;
mod memory;
mod network;
mod plugins;
mod prompt;
mod signals;
mod values;

pub use config::Config;
pub use editor::Editor;
pub use generate::{NewKeys, new_host_key, new_identity, new_signing_key, new_ssh_key, public_half};
pub use keyring::{Keyring, Stored};
pub use keys::{Keys, public_of_signing_key, recipients_of};
pub use memory::{MemoryDirectory, would_be_in_memory};
pub use network::cut_network;
pub use prompt::{Prompt, Terminal, new_passphrase};
pub use signals::run_in_front;
pub use values::{random_bytes, random_letters, random_words};
