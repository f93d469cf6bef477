//! Which calls are tried again, and when.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The first back-off; it doubles with each attempt.
const BASE: Duration = Duration::from_millis(500);
/// The longest back-off that is chosen here.
const CAP: Duration = Duration::from_secs(8);
/// The longest wait that a backend may ask for; a longer one is left to the caller.
const LONGEST_REQUESTED: Duration = Duration::from_secs(60);

/// Whether a status may pass on its own.
pub(super) fn is_retryable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 409 | 429) || status.is_server_error()
}

/// How long to wait before the attempt after `attempt` (from 0); none where the backend asks for too long.
pub(super) fn delay(attempt: u32, headers: Option<&HeaderMap>) -> Option<Duration> {
    match headers.and_then(requested) {
        Some(wait) if wait > LONGEST_REQUESTED => None,
        Some(wait) => Some(wait),
        None => Some(backoff(attempt).mul_f64(1.0 - 0.25 * fastrand::f64())),
    }
}

fn backoff(attempt: u32) -> Duration {
    BASE.saturating_mul(1 << attempt.min(16)).min(CAP)
}

fn requested(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(millis) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(millis / 1000.0).ok();
    }
    let text = text(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(reqwest::header::HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn the_backend_decides_where_it_says() {
        assert_eq!(delay(0, Some(&headers("retry-after-ms", "40"))), Some(Duration::from_millis(40)));
        assert_eq!(delay(3, Some(&headers("retry-after", "2"))), Some(Duration::from_secs(2)));
        assert_eq!(delay(0, Some(&headers("retry-after", "3600"))), None);
        let past = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH);
        assert_eq!(delay(0, Some(&headers("retry-after", &past))), Some(Duration::ZERO));
    }

    #[test]
    fn otherwise_it_backs_off_with_jitter() {
        for attempt in 0..40 {
            let wait = delay(attempt, None).unwrap();
            assert!(wait <= backoff(attempt) && wait >= backoff(attempt).mul_f64(0.74), "{attempt}: {wait:?}");
        }
        assert_eq!(backoff(0), BASE);
        assert_eq!(backoff(30), CAP);
    }

    #[test]
    fn nonsense_is_ignored() {
        for value in ["soon", "-1", "NaN"] {
            assert!(delay(0, Some(&headers("retry-after", value))).unwrap() <= BASE, "{value}");
        }
    }
}
