//! The only room that runs programs of OpenSSH.
//!
//! May import `base` and `bundle`.

mod scan;

pub use scan::{HostKey, scan};
