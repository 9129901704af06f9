//! The only room that runs programs of OpenSSH.
//!
//! May import `base` and `bundle`.

mod agent;
mod known;
mod login;
mod push;
mod query;
mod scan;
mod ssh;

pub use agent::Agent;
pub use known::{known_name, shows_key, trust};
pub use login::{Login, login};
pub use push::{Activation, Answer, push};
pub use query::{PublicKey, accepts, login_key};
pub use scan::{HostKey, scan};
