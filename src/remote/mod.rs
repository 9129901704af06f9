//! The only room that runs programs of OpenSSH.
//!
//! What a peer can print is no proof: a proof is what a host said in a session that it has signed with an accepted host
//! key. May import `base`, `bundle` and `operator::MemoryDirectory`.

mod address;
mod agent;
mod answer;
mod connect;
mod directory;
mod exchange;
mod key;
mod known;
mod log;
mod login;
mod options;
mod push;
mod report;
mod scan;
mod session;
mod ssh;
mod target;
mod wire;
mod witness;

pub use agent::Agent;
pub use key::LoginKey;
pub use known::{Proof, host_key, known_name, trust};
pub use login::{Login, login, login_keys};
pub use push::push;
pub use report::{Asked, report};
pub use scan::{HostKey, scan};
pub use target::Target;
