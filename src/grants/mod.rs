//! Who gets what by this repository, and how much of it the operator has accepted.
//!
//! Whoever can commit can write claims into `pkeys.toml`, `keys.toml` and `secrets/`. Here they are held against what this
//! machine's pins and the bundles of accepted signers say. pkeys' own commands save through [`save_manifest`] and
//! [`save_keys`], which accept exactly what they add. May import `base`, `bundle`, `git`, `trust`, `manifest` and `keys`.

mod accept;
mod accepted;
mod claims;
mod known;
mod look;
mod review;
mod save;
pub mod statement;
pub mod version;
pub mod vouch;
mod words;

pub use accept::{
    accept, accept_all, accept_own, accept_vault, as_seen, forget_removed, recipients_in_force, unknown_words,
};
pub use accepted::{Trusted, check_signers, require_break_glass, require_key_vault, require_vault, secret_recipients};
pub use claims::of_host;
pub use known::{InTree, Known, has_in_history, newest_in_history, payload};
pub use look::look;
pub use review::{all_unaccepted, unaccepted, unaccepted_of_host};
pub use save::{save_keys, save_manifest, save_manifest_in_emergency, save_successor};
