//! `pkeys.toml`: what exists and who gets it. Reading, editing and checking it.
//!
//! May import `base`, `bundle` (recipients, signers), `trust` and `source::Reference`.

mod check;
mod claims;
mod edit;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod generate;
mod level;
mod mixture;
mod model;
mod origin;
pub(crate) mod parse;
mod repository;
mod user;

pub use check::{Finding, check};
pub use edit::Edit;
pub use generate::Generate;
pub use level::{BREAK_GLASS_SIGNER, PolicyLevel};
pub use model::{BreakGlass, Host, Manifest, Secret, Selector, SourceKind, SourceSettings};
pub use origin::{Origin, check_delivery, host_key_names};
pub use repository::{MANIFEST_FILE, Repository};
pub use user::{Period, Store, User};
