//! What a checker found, before it is put into words.

use std::fmt::Display;

use serde_json::Value;

/// How deep alternatives within alternatives are told one by one.
pub(crate) const MAX_NESTING: usize = 2;

/// A keyword that a value does not satisfy.
pub(crate) struct Fault<'a> {
    /// JSON pointer of the value.
    pub(crate) at: String,
    /// The value.
    pub(crate) given: &'a Value,
    /// The schema that holds the keyword, where it is known.
    pub(crate) schema: Option<&'a Value>,
    /// What the keyword asked for.
    pub(crate) kind: Kind<'a>,
}

pub(crate) enum Kind<'a> {
    /// A property is missing.
    Required(String),
    /// Properties that the schema does not know.
    Unknown(Vec<String>),
    /// Another type, of these.
    Type(Vec<&'static str>),
    /// Something else; the value follows.
    Expected(String),
    /// Another size; the value's size follows.
    Sized(String),
    /// The value is what it must not be.
    Not,
    /// None of the alternatives fits; what each found.
    Alternatives(Vec<Vec<Fault<'a>>>),
    /// More than one of the alternatives fits.
    Ambiguous,
    /// In words of its own.
    Says(String),
}

impl Kind<'_> {
    pub(crate) fn minimum(limit: &impl Display) -> Self {
        Self::Expected(format!("at least {limit}"))
    }

    pub(crate) fn maximum(limit: &impl Display) -> Self {
        Self::Expected(format!("at most {limit}"))
    }

    pub(crate) fn above(limit: &impl Display) -> Self {
        Self::Expected(format!("more than {limit}"))
    }

    pub(crate) fn below(limit: &impl Display) -> Self {
        Self::Expected(format!("less than {limit}"))
    }

    pub(crate) fn multiple_of(divisor: &impl Display) -> Self {
        Self::Expected(format!("a multiple of {divisor}"))
    }

    pub(crate) fn min_length(limit: u64) -> Self {
        Self::Expected(format!("at least {limit} characters"))
    }

    pub(crate) fn max_length(limit: u64) -> Self {
        Self::Sized(format!("at most {limit} characters"))
    }

    pub(crate) fn min_items(limit: u64) -> Self {
        Self::Sized(format!("at least {limit} items"))
    }

    pub(crate) fn max_items(limit: u64) -> Self {
        Self::Sized(format!("at most {limit} items"))
    }

    pub(crate) fn min_properties(limit: u64) -> Self {
        Self::Sized(format!("at least {limit} properties"))
    }

    pub(crate) fn max_properties(limit: u64) -> Self {
        Self::Sized(format!("at most {limit} properties"))
    }

    pub(crate) fn unique() -> Self {
        Self::Says("expected items that all differ".to_owned())
    }

    pub(crate) fn pattern(pattern: &str) -> Self {
        Self::Expected(format!("a text that matches `{pattern}`"))
    }

    pub(crate) fn none_fits(alternatives: usize) -> Self {
        Self::Says(format!("fits none of its {alternatives} alternatives"))
    }

    pub(crate) fn forbidden() -> Self {
        Self::Says("is not allowed here".to_owned())
    }
}
