//! Takes over what OpNix, sops-nix, agenix and agenix-rekey are told in Nix files.
//!
//! `settings` reads the options that stand there, one file for each tool says what they mean, `plan` makes entries of
//! `pkeys.toml` and lines for the module of them, `rewrite` puts these in the place of the old ones, `take` writes.
//! Values are decrypted in memory: age files by us, sops files by the `sops` program. May import `audit`, `base`, `bundle`,
//! `manifest`, `nixfiles`, `operator`, `render` and `source`.

mod agenix;
mod declared;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod names;
mod opnix;
mod plan;
mod rewrite;
mod settings;
mod sops;
mod sops_program;
mod take;
mod values;

pub use declared::{Origin, Tool};
pub use plan::{Import, Taken, import};
pub use take::{compared, missing, pending, take};
pub use values::Values;
