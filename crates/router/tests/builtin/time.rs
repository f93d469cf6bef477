use serde_json::{Value, json};

use crate::User;

async fn convert(time: &str, from: &str, to: &str) -> Value {
    User::new().ok("TIME_CONVERT", json!({ "time": time, "from_timezone": from, "to_timezone": to })).await
}

#[tokio::test]
async fn now_is_now() {
    let user = User::new();
    let before = jiff::Timestamp::now().as_second();
    let now = user.ok("TIME_NOW", json!({ "timezone": "asia/tokyo" })).await;
    let after = jiff::Timestamp::now().as_second();
    assert!((before..=after).contains(&now["unix_seconds"].as_i64().unwrap()), "{now}");
    assert_eq!(now["timezone"], "Asia/Tokyo");
    assert!(now["time"].as_str().unwrap().ends_with("+09:00"), "{now}");
    let now = user.ok("TIME_NOW", json!({})).await;
    assert_eq!(now["timezone"], "UTC");
    let error = user.error("TIME_NOW", json!({ "timezone": "Mars/Olympus" })).await;
    assert!(error.contains("Mars/Olympus") && error.contains("IANA"), "{error}");
}

#[tokio::test]
async fn converts_between_zones() {
    let moment = convert("2025-07-04T12:00", "America/New_York", "Europe/Berlin").await;
    assert_eq!(
        moment,
        json!({
            "time": "2025-07-04T18:00:00+02:00", "timezone": "Europe/Berlin", "weekday": "Friday",
            "utc": "2025-07-04T16:00:00Z", "unix_seconds": 1_751_644_800,
        })
    );
    // An offset in the time decides; the zone does not matter.
    assert_eq!(convert("2025-07-04T12:00:00+05:30", "America/New_York", "UTC").await["utc"], "2025-07-04T06:30:00Z");
    assert_eq!(convert("2025-07-04", "UTC", "Asia/Kathmandu").await["time"], "2025-07-04T05:45:00+05:45");
}

#[tokio::test]
async fn a_time_that_clocks_skip_is_explained() {
    let moment = convert("2025-03-30T02:30", "Europe/Berlin", "Europe/Berlin").await;
    assert_eq!(moment["time"], "2025-03-30T03:30:00+02:00");
    assert!(moment["note"].as_str().unwrap().contains("does not exist"), "{moment}");
}

#[tokio::test]
async fn a_time_that_comes_twice_is_explained() {
    let moment = convert("2025-11-02T01:30", "America/New_York", "UTC").await;
    assert_eq!(moment["utc"], "2025-11-02T05:30:00Z");
    let note = moment["note"].as_str().unwrap();
    assert!(note.contains("2025-11-02T01:30:00-04:00") && note.contains("2025-11-02T01:30:00-05:00"), "{note}");
}

#[tokio::test]
async fn a_time_that_cannot_be_read_is_told() {
    for time in ["tomorrow", "2025-02-30", "2025-13-01T00:00", "", "25:00"] {
        let error = User::new().error("TIME_CONVERT", json!({ "time": time })).await;
        assert!(error.contains("cannot read the time") && error.contains("write it like"), "{time}: {error}");
    }
}

#[tokio::test]
async fn differences_in_calendar_and_units() {
    let user = User::new();
    let span =
        user.ok("TIME_DIFFERENCE", json!({ "start": "2024-01-31", "end": "2024-03-01T03:00", "unit": "days" })).await;
    assert_eq!(
        span,
        json!({ "seconds": 2_602_800.0, "duration": "P1M1DT3H", "text": "1 month, 1 day, 3 hours", "total": 30.125 })
    );
    let span =
        user.ok("TIME_DIFFERENCE", json!({ "start": "2024-03-01T00:00:00Z", "end": "2024-02-29T23:00:00Z" })).await;
    assert_eq!((&span["seconds"], &span["duration"]), (&json!(-3600.0), &json!("-PT1H")));
    // The day on which clocks go forward has 23 hours.
    let day = json!({ "start": "2025-03-30", "end": "2025-03-31", "timezone": "Europe/Berlin", "unit": "hours" });
    let span = user.ok("TIME_DIFFERENCE", day).await;
    assert_eq!((&span["total"], &span["duration"]), (&json!(23.0), &json!("P1D")));
    let error = user.error("TIME_DIFFERENCE", json!({ "start": "2024-01-01", "end": "x" })).await;
    assert!(error.contains("\"x\""), "{error}");
}
