//! JSON that crosses whole: raw text, replies with a typed view, and the three states of a patched field.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{Error, ErrorKind, Result};

/// Fields that a type does not name, kept as they came.
pub type Extra = serde_json::Map<String, serde_json::Value>;

/// A JSON value as text, checked to be well formed and never re-encoded.
///
/// Cloning shares the text.
///
/// ```
/// use composio_contract::RawJson;
///
/// let big = RawJson::parse("9007199254740993.0".to_owned())?;
/// assert_eq!(big.as_str(), "9007199254740993.0");
/// assert!(RawJson::parse("{".to_owned()).is_err());
/// # Ok::<(), composio_contract::Error>(())
/// ```
#[derive(Clone)]
pub struct RawJson(Repr);

#[derive(Clone)]
enum Repr {
    Raw(Arc<RawValue>),
    /// A text that was read as JSON before. Reading it once more only to hold it as a `RawValue` would cost as much as
    /// the first time; it is needed only where such a text is sent on as a part of another.
    Read(Arc<str>),
}

impl RawJson {
    /// Takes a text that must be exactly one JSON value.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where it is not.
    pub fn parse(text: String) -> Result<Self> {
        RawValue::from_string(text)
            .map(Self::from)
            .map_err(|error| Error::new(ErrorKind::Validation, format!("not valid JSON: {error}")))
    }

    /// Encodes a value.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] where the value has no JSON form, such as a map with keys that are not strings.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        serde_json::value::to_raw_value(value)
            .map(Self::from)
            .map_err(|error| Error::new(ErrorKind::Internal, format!("cannot encode as JSON: {error}")))
    }

    /// The empty object, `{}`.
    #[must_use]
    pub fn empty_object() -> Self {
        Self::from(serde_json::Value::Object(Extra::new()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Raw(raw) => raw.get(),
            Repr::Read(text) => text.trim(),
        }
    }

    /// Decodes the text.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`], naming `what`, where the text does not have the shape of `T`.
    pub fn decode<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        serde_json::from_str(self.as_str())
            .map_err(|error| Error::new(ErrorKind::Validation, format!("{what}: {error}")))
    }

    /// Whether the text is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.as_str().starts_with('{')
    }
}

impl Default for RawJson {
    /// The empty object.
    fn default() -> Self {
        Self::empty_object()
    }
}

impl From<serde_json::Value> for RawJson {
    fn from(value: serde_json::Value) -> Self {
        // A `Value` always has a JSON form; `null` stands in only to keep this total.
        serde_json::value::to_raw_value(&value).unwrap_or_else(|_| RawValue::NULL.to_owned()).into()
    }
}

impl From<Box<RawValue>> for RawJson {
    fn from(raw: Box<RawValue>) -> Self {
        Self(Repr::Raw(raw.into()))
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match &self.0 {
            Repr::Raw(raw) => raw.serialize(serializer),
            Repr::Read(text) => {
                serde_json::from_str::<&RawValue>(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self::from)
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A backend's answer: the whole text, and a typed view of the fields that session logic reads.
///
/// Fields that this version does not know are in the text and so reach the caller.
#[derive(Clone, Debug)]
pub struct Reply<T> {
    raw: RawJson,
    view: T,
}

impl<T> Reply<T> {
    /// Joins a text with the view that was read from it.
    pub fn from_parts(raw: RawJson, view: T) -> Self {
        Self { raw, view }
    }

    /// The whole answer as text.
    pub fn raw(&self) -> &RawJson {
        &self.raw
    }

    /// Splits the answer.
    pub fn into_parts(self) -> (RawJson, T) {
        (self.raw, self.view)
    }
}

impl<T: DeserializeOwned> Reply<T> {
    /// Reads a view from a text.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidReply`] where the text does not fit the contract.
    pub fn read(text: String) -> Result<Self> {
        let view = serde_json::from_str(&text).map_err(|error| {
            Error::new(ErrorKind::InvalidReply, format!("the reply does not fit the contract: {error}"))
        })?;
        Ok(Self { raw: RawJson(Repr::Read(text.into())), view })
    }
}

impl<T: Serialize> Reply<T> {
    /// Encodes a view that was made in this process.
    ///
    /// # Errors
    /// As [`RawJson::encode`].
    pub fn encode(view: T) -> Result<Self> {
        Ok(Self { raw: RawJson::encode(&view)?, view })
    }
}

impl<T> Deref for Reply<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.view
    }
}

/// One field of a partial update: left as it is, cleared, or set.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Patch<T> {
    /// The field is not sent; the stored value stays.
    #[default]
    Keep,
    /// `null` is sent; the stored override is removed.
    Clear,
    /// The value is sent.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether the field is not sent.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The value that is set.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}
