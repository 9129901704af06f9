//! pkeys delivers secrets and SSH keys to NixOS hosts.
//!
//! Data flows one way: manifest → sources → render → bundle → (git or push) → activate. This crate is the operator's
//! program; `pkeys-bundle` is what it shares with the host's, `pkeys-activate`.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr))]

pub mod adopt;
pub mod audit;
pub mod base;
pub mod break_glass;
pub mod cli;
pub mod escrow;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod git;
pub mod grants;
pub mod import;
pub mod inspect;
pub mod keys;
pub mod manifest;
pub mod nixfiles;
pub mod operator;
pub mod policy;
pub mod push;
pub mod remote;
pub mod render;
pub mod rotate;
pub mod scan;
pub mod source;
pub mod trust;

pub use pkeys_bundle as bundle;
