//! The `time` toolkit: the clock, time zones, and spans between times.

use composio_contract::{Error, Result};
use jiff::civil::DateTime;
use jiff::fmt::friendly::{Designator, Spacing, SpanPrinter};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Timestamp, Unit, Zoned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Builtin;
use crate::source::{CallContext, Tag};

const TAGS: &[Tag] = &[Tag::ReadOnly];
const PURE: &[Tag] = &[Tag::ReadOnly, Tag::Idempotent];

/// The toolkit.
#[must_use]
pub fn toolkit() -> Builtin {
    Builtin::new("time", "Time", "The current time, conversion between time zones, and the span between two times.")
        .tool(
            "now",
            "Get the current time",
            "The current date and time in a time zone. Use it whenever today's date or the time matters.",
            TAGS,
            now,
        )
        .tool(
            "convert",
            "Convert a time to another time zone",
            "The same moment in another time zone. Says so where the given time does not exist or exists twice because \
             clocks change.",
            PURE,
            convert,
        )
        .tool(
            "difference",
            "Get the span between two times",
            "How long it is from one time to another: exact seconds, a calendar duration, and on request one unit. \
             Negative where the end is before the start.",
            PURE,
            difference,
        )
}

fn utc() -> String {
    "UTC".to_owned()
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NowArguments {
    /// IANA time zone, such as `Europe/Berlin`.
    #[serde(default = "utc")]
    timezone: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ConvertArguments {
    /// The time: RFC 3339 with an offset (`2025-03-30T12:00:00+02:00`), or local without one (`2025-03-30T12:00`,
    /// `2025-03-30`).
    time: String,
    /// IANA time zone of a time without an offset. A time with an offset does not need it.
    #[serde(default = "utc")]
    from_timezone: String,
    /// IANA time zone to convert to.
    #[serde(default = "utc")]
    to_timezone: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DifferenceArguments {
    /// The first time: RFC 3339, or local without an offset.
    start: String,
    /// The second time, in the same forms.
    end: String,
    /// IANA time zone of times without an offset; also the calendar in which days, months and years are counted.
    #[serde(default = "utc")]
    timezone: String,
    /// Also give the whole span in this one unit, with a fraction.
    unit: Option<SpanUnit>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum SpanUnit {
    Years,
    Months,
    Weeks,
    Days,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

impl From<SpanUnit> for Unit {
    fn from(unit: SpanUnit) -> Self {
        match unit {
            SpanUnit::Years => Self::Year,
            SpanUnit::Months => Self::Month,
            SpanUnit::Weeks => Self::Week,
            SpanUnit::Days => Self::Day,
            SpanUnit::Hours => Self::Hour,
            SpanUnit::Minutes => Self::Minute,
            SpanUnit::Seconds => Self::Second,
            SpanUnit::Milliseconds => Self::Millisecond,
        }
    }
}

/// A moment on a zone's clock.
#[derive(Serialize, JsonSchema)]
struct Moment {
    /// RFC 3339 with the zone's offset.
    time: String,
    /// The time zone.
    timezone: String,
    /// The day of the week.
    weekday: String,
    /// The same moment in UTC.
    utc: String,
    /// Seconds since 1970-01-01T00:00:00Z.
    unix_seconds: i64,
    /// What to know about the given time, such as that clocks changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Moment {
    fn new(zoned: &Zoned, timezone: &str, note: Option<String>) -> Self {
        Self {
            time: zoned.timestamp().display_with_offset(zoned.offset()).to_string(),
            timezone: zoned.time_zone().iana_name().unwrap_or(timezone).to_owned(),
            weekday: zoned.strftime("%A").to_string(),
            utc: zoned.timestamp().to_string(),
            unix_seconds: zoned.timestamp().as_second(),
            note,
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Difference {
    /// The exact span in seconds.
    seconds: f64,
    /// The span on the calendar, ISO 8601, such as `P1M2DT3H`.
    duration: String,
    /// The same for people, such as `1 month, 2 days, 3 hours`.
    text: String,
    /// The whole span in the unit that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<f64>,
    /// What to know about the given times, such as that clocks changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

async fn now(arguments: NowArguments, _: CallContext) -> Result<Moment> {
    let zone = zone(&arguments.timezone)?;
    Ok(Moment::new(&Timestamp::now().to_zoned(zone), &arguments.timezone, None))
}

async fn convert(arguments: ConvertArguments, _: CallContext) -> Result<Moment> {
    let to = zone(&arguments.to_timezone)?;
    let (moment, note) = read(&arguments.time, &zone(&arguments.from_timezone)?)?;
    Ok(Moment::new(&moment.with_time_zone(to), &arguments.to_timezone, note))
}

async fn difference(arguments: DifferenceArguments, _: CallContext) -> Result<Difference> {
    let zone = zone(&arguments.timezone)?;
    let (start, start_note) = read(&arguments.start, &zone)?;
    let (end, end_note) = read(&arguments.end, &zone)?;
    let span = start.until((Unit::Year, &end)).map_err(out_of_range)?;
    let total = match arguments.unit {
        Some(unit) => Some(span.total((Unit::from(unit), &start)).map_err(out_of_range)?),
        None => None,
    };
    let printer = SpanPrinter::new()
        .designator(Designator::Verbose)
        .spacing(Spacing::BetweenUnitsAndDesignators)
        .comma_after_designator(true);
    let notes: Vec<_> = start_note.into_iter().chain(end_note).collect();
    Ok(Difference {
        seconds: end.timestamp().duration_since(start.timestamp()).as_secs_f64(),
        duration: span.to_string(),
        text: printer.span_to_string(&span),
        total,
        note: (!notes.is_empty()).then(|| notes.join(" ")),
    })
}

fn out_of_range(error: jiff::Error) -> Error {
    Error::validation(format!("the span is out of range: {error}")).with_source(error)
}

fn zone(name: &str) -> Result<TimeZone> {
    TimeZone::get(name).map_err(|error| {
        Error::validation(format!("there is no time zone {name:?}"))
            .with_suggested_fix("give an IANA name such as America/New_York, or UTC")
            .with_source(error)
    })
}

/// Reads a time; one without an offset is on the clock of `zone`, and a note says where that clock is not clear.
fn read(time: &str, zone: &TimeZone) -> Result<(Zoned, Option<String>)> {
    if let Ok(timestamp) = time.parse::<Timestamp>() {
        return Ok((timestamp.to_zoned(zone.clone()), None));
    }
    let civil: DateTime = time.trim().parse().map_err(|error| {
        Error::validation(format!("cannot read the time {time:?}: {error}"))
            .with_suggested_fix("write it like 2025-03-30T12:00:00+02:00, or 2025-03-30T12:00 for a local time")
    })?;
    let ambiguous = zone.to_ambiguous_zoned(civil);
    let offset = ambiguous.offset();
    // What calendars do: a time that was skipped moves on by the gap, one that comes twice is the first.
    let zoned = ambiguous.compatible().map_err(out_of_range)?;
    let note = match offset {
        AmbiguousOffset::Unambiguous { .. } => None,
        AmbiguousOffset::Gap { .. } => Some(format!(
            "{civil} does not exist there, because clocks go forward over it; it was read as {}.",
            zoned.datetime()
        )),
        AmbiguousOffset::Fold { before, after } => {
            let write =
                |offset: Offset| offset.to_timestamp(civil).map(|time| time.display_with_offset(offset).to_string());
            Some(format!(
                "{civil} comes twice there, because clocks go back; it was read as the first, {}. The second is {}.",
                write(before).map_err(out_of_range)?,
                write(after).map_err(out_of_range)?
            ))
        }
    };
    Ok((zoned, note))
}
