//! Which failures are worth another try, and after how long. Pure: nothing here waits or asks.

use std::time::Duration;

/// How often and how long a request is tried.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The most times that one request is sent.
    pub attempts: u32,
    /// The wait after the first failure; it doubles with each.
    pub first_wait: Duration,
    /// The longest wait of our own choosing.
    pub longest_wait: Duration,
    /// The longest wait that the server may ask for with `Retry-After`.
    pub longest_asked: Duration,
    /// No new attempt is begun once so much time has gone into one request. A server that did not answer in time until
    /// then is not asked for anything else.
    pub total: Duration,
    /// After how many requests in a row that were given up, each after all its attempts, nothing more is asked for.
    pub in_vain: u32,
    /// How long reads are repeated after a change until they show it: Connect answers from a cache.
    pub settle: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(4),
            longest_asked: Duration::from_secs(15),
            total: Duration::from_secs(60),
            in_vain: 32,
            settle: Duration::from_secs(5),
        }
    }
}

/// Why a request got no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server's certificate is not trusted.
    Distrusted,
    /// No connection came about.
    Unreachable,
    /// No whole answer within the time allowed.
    TimedOut,
    /// The connection or the answer ended too early.
    CutShort,
    /// An answer with another status than 200, and the seconds that it asks to wait.
    Status(u16, Option<u64>),
    /// Another try would end the same way.
    Final,
}

impl Failure {
    /// Whether a change may have taken effect all the same.
    pub(super) fn leaves_doubt(self) -> bool {
        matches!(self, Self::TimedOut | Self::CutShort | Self::Status(408 | 409 | 500.., _))
    }
}

impl Policy {
    /// How long to wait before the next attempt; `None` when there shall be none.
    ///
    /// `failed` attempts were made in `spent`; `chance` is random over its whole range.
    pub(super) fn wait(&self, failure: Failure, failed: u32, spent: Duration, chance: u32) -> Option<Duration> {
        let allowed = match failure {
            Failure::Unreachable | Failure::TimedOut | Failure::CutShort => self.attempts,
            Failure::Status(408 | 429 | 500 | 502 | 503 | 504, _) => self.attempts,
            // Connect 1.7 refuses access now and then that it grants a moment later.
            Failure::Status(403, _) => self.attempts.min(3),
            Failure::Status(..) | Failure::Distrusted | Failure::Final => 1,
        };
        if failed >= allowed { None } else { self.pause(failure, failed, spent, chance) }
    }

    /// The same for a change of an item, once it is known that the last one did not take effect. Three are sent at most.
    pub(super) fn wait_to_change(
        &self,
        failure: Failure,
        failed: u32,
        spent: Duration,
        chance: u32,
    ) -> Option<Duration> {
        use Failure::{CutShort, Status, TimedOut, Unreachable};
        let passing = matches!(failure, Unreachable | TimedOut | CutShort)
            || matches!(failure, Status(403 | 408 | 409 | 429 | 500 | 502 | 503 | 504, _));
        let again = passing && failed < self.attempts.min(3);
        if again { self.pause(failure, failed, spent, chance) } else { None }
    }

    /// The wait before a change is looked for once more; `looks` were made.
    pub(super) fn wait_to_look(&self, looks: u32) -> Duration {
        self.doubled(looks).min(Duration::from_secs(1))
    }

    fn doubled(&self, times: u32) -> Duration {
        self.first_wait.saturating_mul(2_u32.saturating_pow(times.saturating_sub(1))).min(self.longest_wait)
    }

    fn pause(&self, failure: Failure, failed: u32, spent: Duration, chance: u32) -> Option<Duration> {
        let full = self.doubled(failed);
        let own = full / 2 + (full / 2).mul_f64(f64::from(chance) / f64::from(u32::MAX));
        let asked = match failure {
            Failure::Status(429 | 503, Some(seconds)) => Duration::from_secs(seconds).min(self.longest_asked),
            _ => Duration::ZERO,
        };
        let wait = own.max(asked);
        (spent + wait < self.total).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(failure: Failure, failed: u32) -> Option<Duration> {
        Policy::default().wait(failure, failed, Duration::ZERO, u32::MAX)
    }

    #[test]
    fn passing_troubles_are_tried_again_and_refusals_are_not() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(wait(Failure::Status(status, None), 4).is_some(), "{status}");
            assert!(wait(Failure::Status(status, None), 5).is_none(), "{status}");
        }
        for failure in [Failure::Unreachable, Failure::TimedOut, Failure::CutShort] {
            assert!(wait(failure, 4).is_some());
            assert!(wait(failure, 5).is_none());
        }
        for status in [302, 400, 401, 404, 409, 501] {
            assert!(wait(Failure::Status(status, None), 1).is_none(), "{status}");
        }
        assert!(wait(Failure::Final, 1).is_none());
        assert!(wait(Failure::Status(403, None), 2).is_some());
        assert!(wait(Failure::Status(403, None), 3).is_none());
    }

    #[test]
    fn a_change_is_sent_three_times_at_most_and_never_after_a_refusal() {
        let again = |failure, failed| Policy::default().wait_to_change(failure, failed, Duration::ZERO, 0).is_some();
        for failure in [Failure::CutShort, Failure::TimedOut, Failure::Status(409, None), Failure::Status(500, None)] {
            assert!(failure.leaves_doubt() && again(failure, 2) && !again(failure, 3), "{failure:?}");
        }
        for failure in [Failure::Unreachable, Failure::Status(429, None), Failure::Status(403, None)] {
            assert!(!failure.leaves_doubt() && again(failure, 2) && !again(failure, 3), "{failure:?}");
        }
        for failure in [Failure::Final, Failure::Distrusted, Failure::Status(400, None), Failure::Status(401, None)] {
            assert!(!failure.leaves_doubt() && !again(failure, 1), "{failure:?}");
        }
    }

    #[test]
    fn waits_double_within_bounds_and_jitter_takes_at_most_half() {
        let policy = Policy::default();
        assert_eq!(wait(Failure::TimedOut, 1), Some(Duration::from_millis(250)));
        assert_eq!(wait(Failure::TimedOut, 3), Some(Duration::from_secs(1)));
        assert_eq!(policy.wait(Failure::TimedOut, 3, Duration::ZERO, 0), Some(Duration::from_millis(500)));
        let many = Policy { attempts: 100, total: Duration::MAX / 2, ..policy };
        assert_eq!(many.wait(Failure::TimedOut, 90, Duration::ZERO, u32::MAX), Some(policy.longest_wait));
    }

    #[test]
    fn the_server_may_ask_for_longer_but_not_for_ever() {
        assert_eq!(wait(Failure::Status(429, Some(7)), 1), Some(Duration::from_secs(7)));
        assert_eq!(wait(Failure::Status(429, Some(u64::MAX)), 1), Some(Duration::from_secs(15)));
        assert_eq!(wait(Failure::Status(429, Some(0)), 1), Some(Duration::from_millis(250)));
    }

    #[test]
    fn nothing_is_begun_once_the_time_is_up() {
        let policy = Policy::default();
        assert!(policy.wait(Failure::TimedOut, 1, Duration::from_secs(61), 0).is_none());
    }
}
