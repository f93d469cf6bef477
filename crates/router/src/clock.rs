//! The time, as it is stored and as it is sent.

use jiff::Timestamp;

/// Milliseconds since 1970.
pub(crate) fn millis() -> i64 {
    Timestamp::now().as_millisecond()
}

/// RFC 3339 in UTC, from milliseconds since 1970.
pub(crate) fn rfc3339(millis: i64) -> String {
    Timestamp::from_millisecond(millis).map_or_else(|_| Timestamp::UNIX_EPOCH.to_string(), |time| format!("{time:.3}"))
}
