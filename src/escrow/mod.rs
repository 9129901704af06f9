//! What the break-glass key opens: the escrow file beside the bundles and the local secrets, and what to do with all of
//! them on the worst day.
//!
//! May import all but `activate` and `cli`. `drill`, `opened` and `reseal` need no network and no operator's key.

mod check;
mod combine;
mod contents;
mod drill;
mod enroll;
mod opened;
mod refresh;
mod reseal;
mod signature;
mod trust;
mod trust_file;

pub use crate::audit::{DRILL, last_drill};
pub use check::{check, trust_set};
pub use combine::{check_combine, write_combine};
pub use contents::{host_entry, user_entry};
pub use drill::{Drill, Finding, Renewed, drill, renew_trust};
pub use enroll::{SIGNER, enroll};
pub use opened::Opened;
pub use refresh::{ESCROW, Escrow, Refreshed, refresh};
pub use reseal::{Login, Reseal, reseal};
pub use trust::Trust;
pub use trust_file::{TrustFile, compare as compare_trust, pinned_anchor, write as write_trust};

use crate::base::files::Beneath;
use crate::manifest::Repository;

/// A file of break-glass in the repository.
fn file(repository: &Repository, name: &str) -> Beneath {
    repository.file("break-glass").join(name)
}
