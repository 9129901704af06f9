//! The only room that runs programs of OpenSSH.
//!
//! May import `base` and `bundle`.

mod agent;
mod answer;
mod known;
mod login;
mod push;
mod query;
mod report;
mod scan;
mod ssh;
mod way;

pub use agent::Agent;
pub use known::{known_name, shows_key, trust};
pub use login::{Login, login};
pub use push::{Activation, Answer, push};
pub use query::{PublicKey, accepts, login_key};
pub use report::{Candidate, Installed, Report, report};
pub use scan::{HostKey, scan};
pub use way::{Way, host_keys, way};
