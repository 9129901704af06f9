//! Policies: which host may get which secret, and what a healthy key is. Rules that people can read, in Cedar.
//!
//! Data flows one way: `pkeys.toml`, `keys.toml` and the log become entities ([`World`], a pure function), the rules
//! decide each question about them ([`Engine`]), and [`Gate`] is what the other rooms ask before they act. A rule that
//! cannot be read, or fails while it is asked, denies.
//!
//! May import `base`, `bundle`, `manifest`, `keys`, `audit` and Cedar.

mod asked;
mod cases;
mod check;
mod decision;
mod engine;
mod explain;
mod files;
mod gate;
mod leaked;
mod matrix;
mod names;
mod page;
mod place;
mod rule;
mod sample;
mod signer;
mod world;

pub use cases::{CaseResult, Expect, TestCase, run_tests};
pub use check::check;
pub use decision::{Decision, Denial, Taken, Warnings};
pub use engine::Engine;
pub use explain::{Explained, Part, explain};
pub use files::{Counted, load, read};
pub use gate::{Gate, Granted, Leeway};
pub use leaked::LEAKED_FILE;
pub use matrix::{Cell, Matrix, matrix};
pub use page::page;
pub use place::Problem;
pub use rule::{Level, Rule};
pub use signer::{operator_named, operator_of};
pub use world::World;
