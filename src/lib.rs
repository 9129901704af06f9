//! pkeys delivers secrets and SSH keys to NixOS hosts.
//!
//! Data flows one way: manifest → sources → render → bundle → (git or push) → activate. `base` and `bundle` serve both
//! programs; everything behind the feature `operator` serves `pkeys` alone.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr))]

pub mod activate;
#[cfg(feature = "operator")]
pub mod adopt;
#[cfg(feature = "operator")]
pub mod audit;
pub mod base;
#[cfg(feature = "operator")]
pub mod break_glass;
pub mod bundle;
#[cfg(feature = "operator")]
pub mod cli;
#[cfg(feature = "operator")]
pub mod escrow;
#[cfg(all(any(test, fuzzing), feature = "operator"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "operator")]
pub mod git;
#[cfg(feature = "operator")]
pub mod import;
#[cfg(feature = "operator")]
pub mod inspect;
#[cfg(feature = "operator")]
pub mod keys;
#[cfg(feature = "operator")]
pub mod manifest;
#[cfg(feature = "operator")]
pub mod nixfiles;
#[cfg(feature = "operator")]
pub mod operator;
#[cfg(feature = "operator")]
pub mod policy;
#[cfg(feature = "operator")]
pub mod push;
#[cfg(feature = "operator")]
pub mod remote;
#[cfg(feature = "operator")]
pub mod render;
#[cfg(feature = "operator")]
pub mod rotate;
#[cfg(feature = "operator")]
pub mod scan;
#[cfg(feature = "operator")]
pub mod source;
