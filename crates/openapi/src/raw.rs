//! JSON text that is read one level at a time, so that most of a large document is never taken apart.

use std::fmt;

use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::Refused;

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    /// Where `part` lies in `text`; it must be a slice of it.
    pub(crate) fn of(text: &str, part: &str) -> Self {
        let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        Self { start, end: start + part.len() }
    }

    pub(crate) fn text(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// The members of a JSON object, in their order; the values are not read.
pub(crate) fn members(text: &str) -> Result<Vec<(String, &str)>, Refused> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de str)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                members.push((name, value.get()));
            }
            Ok(members)
        }
    }

    let mut reader = serde_json::Deserializer::from_str(text);
    let members = reader.deserialize_map(Members).map_err(|error| Refused::new(error.to_string()))?;
    reader.end().map_err(|error| Refused::new(error.to_string()))?;
    Ok(members)
}

/// The items of a JSON array; they are not read.
pub(crate) fn items(text: &str) -> Result<Vec<&str>, Refused> {
    struct Items;

    impl<'de> Visitor<'de> for Items {
        type Value = Vec<&'de str>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = seq.next_element::<&RawValue>()? {
                items.push(item.get());
            }
            Ok(items)
        }
    }

    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_seq(Items).map_err(|error| Refused::new(error.to_string()))
}

pub(crate) fn is_object(text: &str) -> bool {
    text.starts_with('{')
}
