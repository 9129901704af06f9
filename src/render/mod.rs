//! From the manifest and the sources to bundles: what each host should have, whether it has it, and making it so.
//!
//! Decides first ([`plan()`]: data, no change), then does it ([`run()`]). May import `manifest`, `keys`, `source`,
//! `operator`, `audit`, `bundle` and `base`.

mod actions;
mod connect;
mod inputs;
mod local;
mod plan;
mod run;
mod sources;
mod verify;

pub use actions::actions;
pub use connect::{connect_server, connect_to, environment_host, token_name, trusted_ca};
pub use inputs::{Reason, Wanted};
pub use local::{copy_local, rekey, remove_local, write_local};
pub use plan::{HostPlan, State, plan};
pub use run::{Rendered, next_generation, now, run};
pub use sources::Sources;
pub use verify::{verify, verify_signed};
