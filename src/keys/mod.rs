//! The users' SSH keys, as data: `keys.toml`, what is said of a key, and who may log in where.
//!
//! Holds no private half and asks no store. May import `base`, `bundle`, `manifest` and names of `source`.

mod authorized;
mod check;
mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod line;
mod model;
mod options;
mod public;
mod set;

pub use authorized::{authorized, hosts_of, is_authorized, locked_out};
pub use check::check;
pub use file::KEYS_FILE;
pub use line::AuthorizedLine;
pub use model::{State, UserKey, today};
pub use options::Options;
pub use public::PublicHalf;
pub use set::UserKeys;
