//! What both programs do to their own process before they touch a secret. Best effort by nature: where the kernel
//! refuses, the program still runs.
//!
//! # How stacks are wiped
//!
//! The allocator of both programs overwrites whatever is freed. Stacks have no such owner, and which values are copied to
//! them is the compiler's choice. So everything a program does runs inside [`wiping`], and so does each job of a thread;
//! threads are started in `base::parallel` only. More in `docs/architecture.md`.

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

/// How much of a stack is overwritten: twice what any command uses in a build without optimization, five times what one
/// uses in others. `tests/it/memory/mod.rs` sees to it.
pub const WIPED: usize = 1024 * 1024;
/// The same where the system gives a stack so little that [`WIPED`] may not be there.
const WIPED_OF_SMALL: usize = 128 * 1024;
const WORD: usize = size_of::<u64>();

/// Runs a job, then overwrites the part of this thread's stack that the job used. What it returns must hold its secrets
/// on the heap: it is moved to the caller's own frame.
pub fn wiping<R>(job: impl FnOnce() -> R) -> R {
    let result = apart(job);
    match getrlimit(Resource::Stack).current {
        Some(limit) if limit < 4 * WIPED as u64 => wipe::<{ WIPED_OF_SMALL / WORD }>(),
        _ => wipe::<{ WIPED / WORD }>(),
    }
    result
}

/// Never inlined, so that all frames of the job are below the caller's, where [`wipe`] reaches them.
#[inline(never)]
fn apart<R>(job: impl FnOnce() -> R) -> R {
    std::hint::black_box(job())
}

/// Never inlined, so that it begins where [`apart`] began.
#[inline(never)]
fn wipe<const WORDS: usize>() {
    zeroize::Zeroize::zeroize(std::hint::black_box(&mut [0_u64; WORDS]));
}
