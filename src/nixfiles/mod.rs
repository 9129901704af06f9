//! The operator's Nix files as syntax trees: read, names looked up, values that stand there in full, changed and written.
//!
//! Nothing is evaluated: what only Nix can know is an answer of its own, [`Unseen`]. May import `base` and the crate
//! `rnix`.

mod change;
mod depth;
mod edit;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod place;
mod scope;
mod syntax;
mod tree;
mod uses;
mod value;

pub use change::{Changed, prepare, write};
pub use depth::too_deep;
pub use edit::{Edits, indent, line_end, lines_around};
pub use place::{Part, Place, Wrap, place_of};
pub use syntax::{applied, binding_path, comment_text, inside, range};
pub use tree::{Left, MAX_FILE, NixFile, Tree};
pub use uses::Uses;
pub use value::{At, Seen, Set, Unseen};
