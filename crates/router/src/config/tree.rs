//! A configuration as a tree whose nodes know where they stand, so that an error can say so.

use std::fmt;

use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use toml::de::{DeInteger, DeTable, DeValue};

/// A value and where its text begins, in bytes; values that do not come from a text begin nowhere.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    kind: Kind,
    at: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    String(String),
    List(Vec<Node>),
    Table(Vec<Field>),
}

#[derive(Clone, Debug, PartialEq)]
struct Field {
    name: String,
    at: Option<usize>,
    value: Node,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Names and places of lists, from the outside in.
    pub(super) path: Vec<String>,
    pub(super) message: String,
    /// Where the text begins that is wrong, in bytes.
    pub(super) at: Option<usize>,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { path: Vec::new(), message: message.into(), at: None }
    }

    fn within(mut self, name: impl Into<String>, at: Option<usize>) -> Self {
        self.path.insert(0, name.into());
        self.at = self.at.or(at);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "`{}`: ", self.path.join("."))?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let close = composio_schema::closest(field, expected.iter().copied());
        if close.is_empty() {
            Self::new(format!("there is no key `{field}`; the keys here are {}", expected.join(", ")))
        } else {
            Self::new(format!("there is no key `{field}`; did you mean `{}`?", close.join("` or `")))
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is missing"))
    }
}

impl Node {
    /// Takes a TOML table over, with `${NAME}` in texts expanded by `expand`.
    pub(super) fn from_toml(
        table: &DeTable<'_>,
        expand: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<Self, Fault> {
        let fields = table.iter().map(|(name, value)| {
            let at = Some(name.span().start);
            let name = name.get_ref().to_string();
            match toml_value(value.get_ref(), value.span().start, expand) {
                Ok(value) => Ok(Field { name, at, value }),
                Err(fault) => Err(fault.within(name, at)),
            }
        });
        Ok(Self { kind: Kind::Table(fields.collect::<Result<_, _>>()?), at: None })
    }

    /// Takes a JSON value over.
    pub(super) fn from_json(value: Value) -> Self {
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(value) => Kind::Bool(value),
            Value::Number(number) => {
                number.as_i64().map_or_else(|| Kind::Float(number.as_f64().unwrap_or(f64::NAN)), Kind::Integer)
            }
            Value::String(text) => Kind::String(text),
            Value::Array(items) => Kind::List(items.into_iter().map(Self::from_json).collect()),
            Value::Object(fields) => Kind::Table(
                fields
                    .into_iter()
                    .map(|(name, value)| Field { name, at: None, value: Self::from_json(value) })
                    .collect(),
            ),
        };
        Self { kind, at: None }
    }

    /// Where the node at a path stands, or the nearest one around it.
    pub(super) fn locate(&self, path: &[String]) -> Option<usize> {
        let Some((name, rest)) = path.split_first() else { return self.at };
        let inner = match &self.kind {
            Kind::Table(fields) => {
                fields.iter().find(|field| field.name == *name).map(|field| field.value.locate(rest).or(field.at))
            }
            Kind::List(items) => {
                name.parse::<usize>().ok().and_then(|place| items.get(place)).map(|item| item.locate(rest))
            }
            _ => None,
        };
        inner.flatten().or(self.at)
    }

    fn unexpected(&self) -> de::Unexpected<'_> {
        match &self.kind {
            Kind::Null => de::Unexpected::Unit,
            Kind::Bool(value) => de::Unexpected::Bool(*value),
            Kind::Integer(value) => de::Unexpected::Signed(*value),
            Kind::Float(value) => de::Unexpected::Float(*value),
            Kind::String(text) => de::Unexpected::Str(text),
            Kind::List(_) => de::Unexpected::Seq,
            Kind::Table(_) => de::Unexpected::Map,
        }
    }
}

fn toml_value(value: &DeValue<'_>, at: usize, expand: &dyn Fn(&str) -> Result<String, String>) -> Result<Node, Fault> {
    let here = |message: String| Fault { path: Vec::new(), message, at: Some(at) };
    let kind = match value {
        DeValue::String(text) => Kind::String(expand(text).map_err(here)?),
        DeValue::Integer(number) => {
            Kind::Integer(integer(number).ok_or_else(|| here(format!("`{number}` is too large")))?)
        }
        DeValue::Float(number) => {
            Kind::Float(number.as_str().parse().map_err(|error| here(format!("`{}`: {error}", number.as_str())))?)
        }
        DeValue::Boolean(value) => Kind::Bool(*value),
        DeValue::Datetime(time) => Kind::String(time.to_string()),
        DeValue::Array(items) => Kind::List(
            items
                .iter()
                .enumerate()
                .map(|(place, item)| {
                    toml_value(item.get_ref(), item.span().start, expand)
                        .map_err(|fault| fault.within(place.to_string(), None))
                })
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Table(table) => Node::from_toml(table, expand)?.kind,
    };
    Ok(Node { kind, at: Some(at) })
}

fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

impl<'de> de::Deserializer<'de> for &'de Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let result = match &self.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Integer(value) => visitor.visit_i64(*value),
            Kind::Float(value) => visitor.visit_f64(*value),
            Kind::String(text) => visitor.visit_borrowed_str(text),
            Kind::List(items) => visitor.visit_seq(Items { items, place: 0 }),
            Kind::Table(fields) => visitor.visit_map(Fields { fields, value: None }),
        };
        result.map_err(|fault| Fault { at: fault.at.or(self.at), ..fault })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.kind == Kind::Null { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.kind {
            Kind::String(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            _ => Err(de::Error::invalid_type(self.unexpected(), &visitor)),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Items<'de> {
    items: &'de [Node],
    place: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(item) = self.items.get(self.place) else { return Ok(None) };
        let place = self.place;
        self.place += 1;
        seed.deserialize(item).map(Some).map_err(|fault| fault.within(place.to_string(), item.at))
    }
}

struct Fields<'de> {
    fields: &'de [Field],
    value: Option<&'de Field>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((field, rest)) = self.fields.split_first() else { return Ok(None) };
        self.fields = rest;
        self.value = Some(field);
        let name: de::value::StrDeserializer<'_, Fault> = field.name.as_str().into_deserializer();
        seed.deserialize(name).map(Some).map_err(|fault| Fault { at: field.at, ..fault })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let field = self.value.take().ok_or_else(|| Fault::new("a value was asked for before its key"))?;
        seed.deserialize(&field.value).map_err(|fault| fault.within(&field.name, field.value.at.or(field.at)))
    }
}
