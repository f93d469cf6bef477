//! OpenAPI documents as tools: one operation a tool, the schema of its arguments, and the request that a call makes.
//!
//! [`Document::load`] takes OpenAPI 3.0, 3.1 or Swagger 2.0, as JSON or YAML, and indexes it; an operation's schemas are
//! built when they are asked for. Nothing here reads a disk or a network: a `$ref` that leaves the document is refused.
//!
//! ```
//! use composio_openapi::Document;
//! use serde_json::json;
//!
//! let document = Document::load(r##"
//! openapi: 3.1.0
//! info: {title: Pets, version: "1"}
//! servers: [{url: https://pets.example/v1}]
//! paths:
//!   /pets/{id}:
//!     get:
//!       operationId: getPet
//!       parameters:
//!         - {name: id, in: path, required: true, schema: {type: integer}}
//!         - {name: fields, in: query, explode: false, schema: {type: array, items: {type: string}}}
//! "##)?;
//! let operation = document.operation("getPet").unwrap();
//! let input = document.input(operation)?;
//! let arguments = json!({"id": 7, "fields": ["name", "age"]});
//! let request = input.prepare(arguments.as_object().unwrap())?;
//! let base = document.base_url(operation, None, &Default::default())?;
//! assert_eq!(request.url(&base)?.as_str(), "https://pets.example/v1/pets/7?fields=name,age");
//! # Ok::<(), composio_openapi::Refused>(())
//! ```

mod body;
mod climb;
mod document;
mod encode;
mod input;
mod meter;
mod operation;
mod output;
mod parameter;
mod raw;
mod refs;
mod request;
mod schema;
mod security;
mod server;
mod swagger;
mod text;

use std::fmt;

pub use body::{Body, Part, PartContent};
pub use climb::climbs;
pub use document::{Document, MAX_BYTES};
pub use input::Input;
pub use operation::{Method, Operation};
pub use request::Prepared;
pub use security::{KeyPlace, OAuthFlow, OAuthFlowKind, Requirement, SecurityKind, SecurityScheme};
pub use server::{Server, ServerVariable};
pub use text::shorten;

/// Why a document, an operation or a set of arguments cannot be used, in words for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(String);

impl Refused {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// Says where, before what is wrong.
    pub(crate) fn at(self, place: impl fmt::Display) -> Self {
        Self(format!("{place}: {}", self.0))
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}
