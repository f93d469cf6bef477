//! The operations of a document, found once; what they take and answer is read when it is asked for.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

use crate::document::Document;
use crate::raw::{self, Span};
use crate::security::{self, Requirement};
use crate::server::{self, Server};
use crate::{Refused, refs};

/// How many operations a document may have.
const MAX_OPERATIONS: usize = 50_000;

/// An HTTP method that an operation can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `PUT`
    Put,
    /// `POST`
    Post,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// `HEAD`
    Head,
    /// `PATCH`
    Patch,
    /// `TRACE`
    Trace,
}

impl Method {
    const ALL: [Self; 8] =
        [Self::Get, Self::Put, Self::Post, Self::Delete, Self::Options, Self::Head, Self::Patch, Self::Trace];

    /// The method's name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Head => "HEAD",
            Self::Patch => "PATCH",
            Self::Trace => "TRACE",
        }
    }

    /// Whether a call changes nothing.
    #[must_use]
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options | Self::Trace)
    }

    /// Whether the same call twice has the effect of one.
    #[must_use]
    pub fn is_idempotent(self) -> bool {
        self.is_safe() || matches!(self, Self::Put | Self::Delete)
    }

    /// Whether a body of a request has a meaning.
    #[must_use]
    pub fn may_have_body(self) -> bool {
        !matches!(self, Self::Get | Self::Head | Self::Trace)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its name, the same on every run and in no two operations: the `operationId`, else what method and path make of
    /// one, with more of these where that is not enough.
    pub name: String,
    /// The `operationId`.
    pub id: Option<String>,
    /// The method.
    pub method: Method,
    /// The path's template.
    pub path: String,
    /// A few words.
    pub summary: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// The groups that the document puts it in.
    pub tags: Vec<String>,
    /// Whether it should not be used any more.
    pub deprecated: bool,
    /// What a call needs, where that differs from the document's.
    pub security: Option<Vec<Requirement>>,
    /// Where its requests go, where that differs from the document's.
    pub servers: Option<Vec<Server>>,
    span: Span,
    item: Span,
}

impl Operation {
    /// The operation as the document has it.
    pub(crate) fn read(&self, document: &Document) -> Result<Value, Refused> {
        document.read(document.part(self.span))
    }

    /// The parameters that all operations of its path share.
    pub(crate) fn shared_parameters(&self, document: &Document) -> Result<Value, Refused> {
        let item = document.part(self.item);
        document.charge(item)?;
        match raw::members(item)?.into_iter().find(|(name, _)| name == "parameters") {
            Some((_, parameters)) => refs::read(parameters),
            None => Ok(Value::Null),
        }
    }
}

/// Every operation below `paths`.
pub(crate) fn all(document: &Document, paths: &[(String, Span)]) -> Result<Vec<Operation>, Refused> {
    let mut operations = Vec::new();
    for (path, item) in paths.iter().filter(|(path, _)| path.starts_with('/') && !path.starts_with("//")) {
        // What is no object is no path item, and harms no other.
        let Ok(item) = whole(document, document.part(*item)) else { continue };
        document.charge(item)?;
        let members = raw::members(item).unwrap_or_default();
        let shared = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
        let servers = shared("servers").map(read_servers).filter(|servers| !servers.is_empty());
        for (name, text) in &members {
            let Some(method) = Method::ALL.into_iter().find(|method| method.name().eq_ignore_ascii_case(name)) else {
                continue;
            };
            if name.chars().any(|c| c.is_ascii_uppercase()) || !raw::is_object(text) {
                continue;
            }
            operations.push(one(document, path, method, (text, item), servers.as_ref()));
            if operations.len() > MAX_OPERATIONS {
                return Err(Refused::new(format!("it has more than {MAX_OPERATIONS} operations")));
            }
        }
    }
    name(&mut operations);
    Ok(operations)
}

/// The path item, or what its reference leads to.
fn whole<'a>(document: &'a Document, mut item: &'a str) -> Result<&'a str, Refused> {
    for _ in 0..refs::MAX_HOPS {
        document.charge(item)?;
        let members = raw::members(item)?;
        let Some((_, reference)) = members.iter().find(|(name, _)| name == "$ref") else { return Ok(item) };
        let reference: String = serde_json::from_str(reference).map_err(|error| Refused::new(error.to_string()))?;
        item = document.locate(&reference)?;
    }
    Err(Refused::new("the path's reference goes in a circle"))
}

fn one(
    document: &Document,
    path: &str,
    method: Method,
    (text, item): (&str, &str),
    servers: Option<&Vec<Server>>,
) -> Operation {
    let members = raw::members(text).unwrap_or_default();
    let part = |name: &str| members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value);
    let words = |name: &str| {
        let text: String = serde_json::from_str(part(name)?).ok()?;
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let own_servers = part("servers").map(read_servers).filter(|servers| !servers.is_empty());
    let value = |name: &str| part(name).and_then(|text| serde_json::from_str::<Value>(text).ok());
    let all = document.part_of_all();
    Operation {
        name: String::new(),
        id: words("operationId"),
        method,
        path: path.to_owned(),
        summary: words("summary"),
        description: words("description"),
        tags: part("tags").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
        deprecated: part("deprecated").is_some_and(|text| text == "true"),
        security: value("security").and_then(|value| security::requirements(&value)),
        servers: own_servers.or_else(|| servers.cloned()),
        span: Span::of(all, text),
        item: Span::of(all, item),
    }
}

fn read_servers(text: &str) -> Vec<Server> {
    server::read(&serde_json::from_str(text).unwrap_or_default())
}

/// Gives every operation a name of its own. What one is called does not depend on the others' order.
fn name(operations: &mut [Operation]) {
    let simple = |operation: &Operation| operation.id.clone().unwrap_or_else(|| made_up(operation));
    let longer = |operation: &Operation| match &operation.id {
        Some(id) => format!("{id} {}", made_up(operation)),
        None => made_up(operation),
    };
    let whole = |operation: &Operation| format!("{} {}", operation.method, operation.path);
    for form in [&simple as &dyn Fn(&Operation) -> String, &longer, &whole] {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for operation in operations.iter() {
            let name = if operation.name.is_empty() { form(operation) } else { operation.name.clone() };
            *counts.entry(name).or_default() += 1;
        }
        for operation in operations.iter_mut().filter(|operation| operation.name.is_empty()) {
            let name = form(operation);
            if counts.get(&name) == Some(&1) {
                operation.name = name;
            }
        }
    }
    // A method and a path make one operation, so that only an `operationId` which looks like another's can stay.
    let mut place = 0_usize;
    for operation in operations.iter_mut().filter(|operation| operation.name.is_empty()) {
        place += 1;
        operation.name = format!("{} {} {place}", operation.method, operation.path);
    }
}

/// `get_users_by_id` for `GET /users/{id}`.
fn made_up(operation: &Operation) -> String {
    let mut name = operation.method.name().to_ascii_lowercase();
    for segment in operation.path.split(['/', '?', '#', '&', '=']).filter(|segment| !segment.is_empty()) {
        let is_parameter = segment.starts_with('{') && segment.ends_with('}');
        let words: String = segment.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        name.push_str(if is_parameter { "_by_" } else { "_" });
        name.push_str(words.trim_matches('_'));
    }
    name
}
