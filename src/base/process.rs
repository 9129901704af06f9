//! What both programs do to their own process before they touch a secret.

/// Turns core dumps off and closes the process's memory to debuggers of the same user.
///
/// Best effort by nature: where the kernel refuses, the program still runs.
pub fn harden() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
