//! Doing without a network, so that nobody has to take our word for it.

/// Moves this process into a network namespace of its own, where there is no network. Returns whether the system let it.
/// Only before threads are started.
#[cfg(target_os = "linux")]
pub fn cut_network() -> bool {
    use nix::sched::{CloneFlags, unshare};
    let alone = CloneFlags::CLONE_NEWNET;
    unshare(alone).or_else(|_| unshare(alone | CloneFlags::CLONE_NEWUSER)).is_ok()
}

/// Elsewhere there is no such thing.
#[cfg(not(target_os = "linux"))]
pub fn cut_network() -> bool {
    false
}
