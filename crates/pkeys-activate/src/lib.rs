//! The host's side: picks the bundle to install, decrypts it, and puts every file in place.
//!
//! The only room that touches a host's file system. Stands on `pkeys-bundle`. Decides first (`candidates`,
//! `contents`: what each file will be), then acts (`generation`, `links`). All paths are reached through opened
//! directories (`tree`). Prints nothing: what happened is data ([`pkeys_bundle::wire::Outcome`]).

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr))]

mod asked;
mod candidates;
mod changes;
mod confine;
mod console;
mod contents;
mod fleet;
#[cfg(any(test, fuzzing, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod generation;
mod host_key;
mod idle;
mod install;
mod links;
mod lock;
mod make_identity;
mod owners;
mod placed;
mod receive;
mod record;
mod report;
mod root;
mod spec;
mod spec_check;
mod template;
mod tree;
mod units;

pub use asked::Asked;
pub use confine::{confine, only_read};
pub use console::given;
pub use idle::IdleLimit;
pub use install::{Options, install, prepare};
pub use make_identity::make_identity;
pub use receive::receive;
pub use report::{failed, report};
pub use spec::{FileSettings, HostKey, Phase, Secret, Spec, Template};
