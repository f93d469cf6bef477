//! JSON with exact numbers, and the comparison that vectors are judged by.

use std::fmt;

use indexmap::IndexMap;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

pub(crate) type Object = IndexMap<String, Json>;

/// A JSON value whose numbers keep the digits they were written with.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Json {
    #[default]
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Object),
}

impl Json {
    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        Self::from_raw(serde_json::from_str(text)?)
    }

    fn from_raw(raw: &RawValue) -> Result<Self, serde_json::Error> {
        let text = raw.get();
        Ok(match text.as_bytes().first() {
            Some(b'{') => Self::Object(
                serde_json::from_str::<IndexMap<String, &RawValue>>(text)?
                    .into_iter()
                    .map(|(key, value)| Ok((key, Self::from_raw(value)?)))
                    .collect::<Result<_, serde_json::Error>>()?,
            ),
            Some(b'[') => Self::Array(
                serde_json::from_str::<Vec<&RawValue>>(text)?
                    .into_iter()
                    .map(Self::from_raw)
                    .collect::<Result<_, _>>()?,
            ),
            Some(b'"') => Self::String(serde_json::from_str(text)?),
            Some(b't' | b'f') => Self::Bool(serde_json::from_str(text)?),
            Some(b'n') => Self::Null,
            _ => Self::Number(text.to_owned()),
        })
    }

    pub(crate) fn as_object(&self) -> Option<&Object> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Json> {
        self.as_object()?.get(key)
    }

    /// RFC 7396: objects are merged, null removes, anything else replaces.
    pub(crate) fn merge(&mut self, patch: &Json) {
        let Self::Object(patch) = patch else {
            *self = patch.clone();
            return;
        };
        if self.as_object().is_none() {
            *self = Self::Object(Object::new());
        }
        let Self::Object(target) = self else { return };
        for (key, value) in patch {
            if *value == Self::Null {
                target.shift_remove(key);
            } else {
                target.entry(key.clone()).or_default().merge(value);
            }
        }
    }

    /// Applies `change` to every string inside, keys not included.
    pub(crate) fn map_strings(&mut self, change: &impl Fn(&str) -> String) {
        match self {
            Self::String(text) => *text = change(text),
            Self::Array(items) => items.iter_mut().for_each(|item| item.map_strings(change)),
            Self::Object(object) => object.values_mut().for_each(|value| value.map_strings(change)),
            Self::Null | Self::Bool(_) | Self::Number(_) => {}
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(digits) => {
                RawValue::from_string(digits.clone()).map_err(S::Error::custom)?.serialize(serializer)
            }
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(object) => serializer.collect_map(object),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_raw(&Box::<RawValue>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// How strictly a value must match.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Match {
    /// Nothing more and nothing less; absent and null differ.
    Exact,
    /// Objects may hold further keys, and an expected null also matches absence.
    Subset,
}

/// Says where `actual` differs from `expected`; `at` names the place.
pub(crate) fn differences(expected: &Json, actual: Option<&Json>, how: Match, at: &str, found: &mut Vec<String>) {
    if let Some(matches) = matcher(expected) {
        matches(actual, how, at, found);
        return;
    }
    let Some(actual) = actual else {
        if !(how == Match::Subset && *expected == Json::Null) {
            found.push(format!("{at}: expected {expected}, got nothing"));
        }
        return;
    };
    match (expected, actual) {
        (Json::Object(expected), Json::Object(actual)) => {
            for (key, value) in expected {
                differences(value, actual.get(key), how, &format!("{at}.{key}"), found);
            }
            if how == Match::Exact {
                for (key, value) in actual.iter().filter(|(key, _)| !expected.contains_key(*key)) {
                    found.push(format!("{at}.{key}: unexpected, {value}"));
                }
            }
        }
        (Json::Array(expected), Json::Array(actual)) if expected.len() == actual.len() => {
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                differences(expected, Some(actual), how, &format!("{at}[{index}]"), found);
            }
        }
        (Json::Number(expected), Json::Number(actual)) if same_number(expected, actual) => {}
        _ if expected == actual => {}
        _ => found.push(format!("{at}: expected {expected}, got {actual}")),
    }
}

/// Two integers by their digits; with a float in it, by value, as some languages write 1.0 as 1.
fn same_number(left: &str, right: &str) -> bool {
    let is_float = |text: &str| text.contains(['.', 'e', 'E']);
    left == right
        || ((is_float(left) || is_float(right))
            && left
                .parse::<f64>()
                .is_ok_and(|left| right.parse().is_ok_and(|right: f64| left.total_cmp(&right).is_eq())))
}

type Matcher<'a> = Box<dyn Fn(Option<&Json>, Match, &str, &mut Vec<String>) + 'a>;

/// Reads an object with one `$` key, such as `{"$contains": "text"}`.
fn matcher(expected: &Json) -> Option<Matcher<'_>> {
    let object = expected.as_object().filter(|object| object.len() == 1)?;
    let (name, argument) = object.first()?;
    Some(match name.as_str() {
        "$any" => Box::new(|actual, _, at, found| {
            if actual.is_none() {
                found.push(format!("{at}: expected any value, got nothing"));
            }
        }),
        "$absent" => Box::new(|actual, _, at, found| {
            if let Some(actual) = actual {
                found.push(format!("{at}: expected nothing, got {actual}"));
            }
        }),
        "$equals" => Box::new(|actual, _, at, found| differences(argument, actual, Match::Exact, at, found)),
        "$contains" => Box::new(move |actual, _, at, found| {
            for part in texts(argument) {
                if !actual.and_then(Json::as_str).is_some_and(|text| text.contains(part)) {
                    found.push(format!("{at}: expected a text with {part:?}, got {}", show(actual)));
                }
            }
        }),
        "$lacks" => Box::new(move |actual, _, at, found| {
            for part in texts(argument) {
                if actual.and_then(Json::as_str).is_none_or(|text| text.contains(part)) {
                    found.push(format!("{at}: expected a text without {part:?}, got {}", show(actual)));
                }
            }
        }),
        "$json" => Box::new(move |actual, how, at, found| {
            match actual.and_then(Json::as_str).and_then(|text| Json::parse(text).ok()) {
                Some(value) => differences(argument, Some(&value), how, at, found),
                None => found.push(format!("{at}: expected a text that holds JSON, got {}", show(actual))),
            }
        }),
        _ => return None,
    })
}

pub(crate) fn texts(value: &Json) -> Vec<&str> {
    match value {
        Json::Array(items) => items.iter().filter_map(Json::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

fn show(value: Option<&Json>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Json::to_string)
}
