//! What both programs do to their own process before they touch a secret. Best effort by nature: where the kernel
//! refuses, the program still runs.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Turns core dumps off, leaves nothing for one that is made all the same, and closes the process's memory to debuggers
/// of the same user. What the program runs inherits the first two.
pub fn harden() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // No mapping of any kind goes into a dump. First, since the file is root's once the memory is closed.
        let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CLOEXEC;
        let _ = rustix::fs::open("/proc/self/coredump_filter", flags, rustix::fs::Mode::empty())
            .and_then(|filter| rustix::io::write(filter, b"0"));
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Keeps all memory of the process out of swap, what it gets later too. Only where no limit can be reached that way:
/// behind one, memory that cannot be locked could not be had at all.
pub fn lock_memory() {
    use rustix::mm::{MlockAllFlags, mlockall};
    let _ = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None });
    if getrlimit(Resource::Memlock).current.is_none() {
        let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE;
        // Only what is really used: a thread's stack is mostly air.
        #[cfg(target_os = "linux")]
        let all = all | MlockAllFlags::ONFAULT;
        let _ = mlockall(all);
    }
}

/// How much of a stack is overwritten: more than any call here uses.
const STACK: usize = 256 * 1024;

/// Overwrites what calls that have returned left on this thread's stack: libraries move keys by value, and what moved is
/// still where it was.
#[inline(never)]
pub fn wipe_stack() {
    zeroize::Zeroize::zeroize(std::hint::black_box(&mut [0_u8; STACK]));
}
