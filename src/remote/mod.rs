//! The only room that runs programs of OpenSSH.
//!
//! May import `base` and `bundle`.

mod agent;
mod answer;
mod login;
mod push;
mod report;
mod scan;
mod ssh;
mod way;

pub use agent::Agent;
pub use login::{Login, login};
pub use push::{Activation, Answer, push};
pub use report::{Candidate, Installed, Report, report};
pub use scan::{HostKey, scan};
pub use way::{Way, host_keys, way};
