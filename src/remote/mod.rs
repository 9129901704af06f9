//! The only room that runs programs of OpenSSH.
//!
//! May import `base` and `bundle`.

mod push;
mod scan;
mod ssh;

pub use push::{Activation, Answer, push};
pub use scan::{HostKey, scan};
