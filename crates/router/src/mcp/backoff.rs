//! When a server that failed is started again.

use std::time::Duration;

use tokio::time::Instant;

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// A server that ran for as long as this has its earlier failures forgiven.
const STABLE: Duration = Duration::from_secs(30);

/// Failures in a row. After the first crash of a server that had run, it is started again at once; after each further
/// failure, the wait doubles, from one second to one minute. It is never shorter than what the attempt took, so that a server
/// that does not answer takes at most half of the time.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    retry_at: Option<Instant>,
}

impl Backoff {
    /// The server ended after it had run for `uptime`.
    pub(super) fn crashed(&mut self, uptime: Duration) {
        if uptime >= STABLE {
            self.failures = 0;
        }
        self.fail(Duration::ZERO);
    }

    /// The server did not even start, which took it so long: to try again at once would not help.
    pub(super) fn did_not_start(&mut self, took: Duration) {
        self.failures = self.failures.max(1);
        self.fail(took);
    }

    fn fail(&mut self, took: Duration) {
        self.failures = self.failures.saturating_add(1);
        let wait = match self.failures {
            0 | 1 => Duration::ZERO,
            failures => SHORTEST.saturating_mul(2_u32.saturating_pow(failures - 2)).min(LONGEST),
        };
        self.retry_at = Some(Instant::now() + wait.max(took.min(LONGEST)));
    }

    /// How long the server must not be tried yet; none where it may be.
    pub(super) fn remaining(&self) -> Option<Duration> {
        let wait = self.retry_at?.saturating_duration_since(Instant::now());
        (!wait.is_zero()).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(backoff: &Backoff) -> u64 {
        backoff.remaining().map_or(0, |wait| wait.as_secs_f64().ceil() as u64)
    }

    #[test]
    fn the_first_crash_costs_nothing_and_the_wait_then_doubles_up_to_a_minute() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..9)
            .map(|_| {
                backoff.crashed(Duration::from_secs(1));
                seconds(&backoff)
            })
            .collect();
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn a_failed_start_waits_from_the_first_time() {
        let mut backoff = Backoff::default();
        backoff.did_not_start(Duration::ZERO);
        assert_eq!(seconds(&backoff), 1);
        backoff.did_not_start(Duration::ZERO);
        assert_eq!(seconds(&backoff), 2);
    }

    #[test]
    fn a_server_that_was_waited_for_is_left_alone_for_as_long() {
        let mut backoff = Backoff::default();
        backoff.did_not_start(Duration::from_secs(30));
        assert_eq!(seconds(&backoff), 30);
        backoff.did_not_start(Duration::from_secs(600));
        assert_eq!(seconds(&backoff), 60);
    }

    #[test]
    fn a_long_run_forgives() {
        let mut backoff = Backoff::default();
        for _ in 0..5 {
            backoff.did_not_start(Duration::ZERO);
        }
        backoff.crashed(STABLE);
        assert_eq!(backoff.remaining(), None);
    }
}
