//! What the break-glass key opens: the escrow file beside the bundles and the local secrets, and what to do with all of
//! them on the worst day.
//!
//! May import all but `activate` and `cli`. `drill` and `opened` need no network and no operator's key.

mod check;
mod contents;
mod drill;
mod enroll;
mod opened;
mod refresh;
mod reseal;

pub use crate::audit::{DRILL, last_drill};
pub use check::check;
pub use contents::{host_entry, user_entry};
pub use drill::{Drill, Finding, drill};
pub use enroll::{SIGNER, enroll};
pub use opened::Opened;
pub use refresh::{ESCROW, Escrow, Refreshed, refresh};
pub use reseal::reseal;

use crate::base::files::Beneath;
use crate::manifest::Repository;

/// A file of break-glass in the repository.
fn file(repository: &Repository, name: &str) -> Beneath {
    repository.file("break-glass").join(name)
}
