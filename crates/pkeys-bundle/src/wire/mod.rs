//! What hosts answer: the types that the host's program writes as JSON and the operator's reads.
//!
//! Fields that a version does not know are passed over, and those that an older one does not write have their defaults.

mod outcome;
mod received;
mod report;

pub use outcome::{Outcome, Status};
pub use received::Received;
pub use report::{Candidate, Installed, REPORT_FORMAT, Report};
