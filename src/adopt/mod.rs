//! Takes over SSH keys that stand in NixOS configurations: into `keys.toml`, and out of the Nix files.
//!
//! `sites` finds where keys are set, and `items` what is set there; `decide` says what can be taken
//! over so that every user of every host keeps the same keys, and `rewrite` changes the files. Nothing is evaluated: what
//! only Nix could know is left alone and named. May import `audit`, `base`, `keys`, `manifest` and `nixfiles`.

mod condition;
mod decide;
mod definition;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod items;
mod label;
mod naming;
mod plan;
mod readers;
mod rewrite;
mod sites;
mod take;
mod unused;

pub use plan::{Adoption, Taken, adopt};
pub use take::take;
