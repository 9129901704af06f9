//! Several things at once, without an async runtime in our code. The one place that starts threads, because of their
//! stacks: see [`wiping`].
#![expect(clippy::disallowed_methods, reason = "this is the place that the lint keeps threads in")]

use crate::base::process::{WIPED, wiping};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Scope, ScopedJoinHandle};

/// How many there are usually at once.
pub const AT_ONCE: usize = 16;

/// Runs `run` on every job, at most `at_once` at a time, and answers in the order of the jobs.
pub fn each<T: Sync, R: Send>(jobs: &[T], at_once: usize, run: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((at, job)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, jobs.get(at)?)))
        {
            done.push((at, wiping(|| run(job))));
        }
        done
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..jobs.len().min(at_once)).map(|_| start(scope, work)).collect();
        let mut done = wiping(work);
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Runs `aside` on a thread of its own while `here` runs on this one.
pub fn both<A: Send, H>(aside: impl FnOnce() -> A + Send, here: impl FnOnce() -> H) -> (A, H) {
    std::thread::scope(|scope| {
        let aside = start(scope, aside);
        let here = here();
        (aside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), here)
    })
}

/// Starts a thread whose stack is wiped before it ends, with room for that.
fn start<'scope, R: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> R + Send + 'scope,
) -> ScopedJoinHandle<'scope, R> {
    let thread = std::thread::Builder::new().stack_size(4 * WIPED);
    thread.spawn_scoped(scope, || wiping(work)).expect("the system starts a thread")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once_in_order_and_at_most_sixteen_at_a_time() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let jobs: Vec<usize> = (0..200).collect();
        let done = each(&jobs, AT_ONCE, |job| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
            job * 2
        });
        assert_eq!(done, jobs.iter().map(|job| job * 2).collect::<Vec<_>>());
        assert!(most.into_inner() <= AT_ONCE);
        assert!(each(&[] as &[u8], AT_ONCE, |_| 0).is_empty());
    }
}
