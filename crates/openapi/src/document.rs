//! A document: read once from its text, indexed, and asked for one operation at a time.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde_json::Value;
use url::Url;

use crate::meter::Meter;
use crate::operation::{self, Operation};
use crate::raw::{self, Span};
use crate::security::{self, Requirement, SecurityScheme};
use crate::server::{self, Server};
use crate::{Refused, refs, swagger, text};

/// How large a document may be, in bytes.
pub const MAX_BYTES: usize = 128 * 1024 * 1024;

/// Bytes that the index of a document may take beyond its own size, because path items refer to each other.
const INDEXING: u64 = 64 << 20;
/// Bytes of the document that one operation may read, what it refers to several times counted each time.
const PER_OPERATION: u64 = 64 << 20;

/// The JSON Schema that the document's version speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// OpenAPI 3.0: `nullable`, `exclusiveMinimum: true`, nothing beside a `$ref`.
    V30,
    /// OpenAPI 3.1: JSON Schema 2020-12.
    V31,
}

/// An OpenAPI document.
///
/// The text is kept, and with it where its parts lie; an operation's schemas are built when they are asked for.
pub struct Document {
    text: Box<str>,
    pub(crate) dialect: Dialect,
    version: String,
    title: String,
    description: Option<String>,
    /// What stands at the top, by name.
    top: HashMap<String, Span>,
    /// Path items by path.
    paths: HashMap<String, Span>,
    /// What stands in `components`, by its whole reference.
    components: HashMap<String, Span>,
    operations: Vec<Operation>,
    servers: Vec<Server>,
    security_schemes: Vec<SecurityScheme>,
    security: Vec<Requirement>,
    meter: Meter,
}

impl Document {
    /// Reads a document: OpenAPI 3.0 or later, or Swagger 2.0, which is converted; JSON or YAML.
    ///
    /// # Errors
    /// Where it is none of these, larger than [`MAX_BYTES`], or has no operation.
    pub fn load(text: &str) -> Result<Self, Refused> {
        let json = text::to_json(text)?;
        let top = raw::members(&json).map_err(|error| error.at("the document is no JSON object"))?;
        let version = |name: &str| top.iter().rev().find(|(key, _)| key == name).map(|(_, value)| plain(value));
        if let Some(version) = version("swagger") {
            if version != "2.0" && version != "2" {
                return Err(Refused::new(format!("Swagger {version} is not supported; Swagger 2.0 is, and OpenAPI 3")));
            }
            let document = serde_json::from_str(&json).map_err(|error| Refused::new(error.to_string()))?;
            let converted = swagger::convert(document)?.to_string();
            let top = raw::members(&converted)?;
            return Self::index(&converted, &top, Dialect::V30, version);
        }
        let version = version("openapi").ok_or_else(|| {
            Refused::new("it has neither `openapi` nor `swagger` at its top, so that it is no OpenAPI document")
        })?;
        let dialect = match version.split('.').collect::<Vec<_>>().as_slice() {
            ["3"] | ["3", "0", ..] => Dialect::V30,
            ["3", minor, ..] if minor.parse::<u8>().is_ok() => Dialect::V31,
            _ => return Err(Refused::new(format!("OpenAPI {version} is not supported; 3.0 and 3.1 are"))),
        };
        Self::index(&json, &top, dialect, version)
    }

    fn index(json: &str, top: &[(String, &str)], dialect: Dialect, version: String) -> Result<Self, Refused> {
        let part = |name: &str| top.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value);
        let value = |name: &str| part(name).map_or(Value::Null, |text| serde_json::from_str(text).unwrap_or_default());
        let info = value("info");
        let words = |name: &str| info.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
        let mut document = Self {
            dialect,
            version,
            title: words("title").unwrap_or("API").to_owned(),
            description: words("description").map(str::to_owned),
            top: top.iter().map(|(name, value)| (name.clone(), Span::of(json, value))).collect(),
            paths: HashMap::new(),
            components: HashMap::new(),
            operations: Vec::new(),
            servers: server::read(&value("servers")),
            security_schemes: Vec::new(),
            security: security::requirements(&value("security")).unwrap_or_default(),
            meter: Meter::new(INDEXING.saturating_add(4 * json.len() as u64)),
            text: json.into(),
        };
        if let Some(components) = part("components").filter(|text| raw::is_object(text)) {
            for (section, entries) in raw::members(components)? {
                for (name, value) in raw::members(entries).unwrap_or_default() {
                    let reference = format!("#/components/{section}/{}", text::escape(&name));
                    document.components.insert(reference, Span::of(json, value));
                }
            }
        }
        document.security_schemes = security::schemes(&document)?;
        let paths = match part("paths").filter(|text| raw::is_object(text)) {
            Some(paths) => raw::members(paths)?,
            None => Vec::new(),
        };
        document.paths = paths.iter().map(|(path, item)| (path.clone(), Span::of(json, item))).collect();
        let order: Vec<(String, Span)> = paths.into_iter().map(|(path, item)| (path, Span::of(json, item))).collect();
        document.operations = operation::all(&document, &order)?;
        if document.operations.is_empty() {
            return Err(Refused::new("it has no operation below `paths`"));
        }
        Ok(document)
    }

    /// The version that the document says it has, such as `3.0.3`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The API's name.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What the API is about.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The operations, in the document's order; no two have the same name.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// An operation, by its name.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.name == name)
    }

    /// The servers of the whole document; an operation may have others.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The ways to sign a call, by the names that requirements use.
    #[must_use]
    pub fn security_schemes(&self) -> &[SecurityScheme] {
        &self.security_schemes
    }

    /// What a call needs where its operation says nothing else: one of these. None at all is that it needs nothing.
    #[must_use]
    pub fn security(&self) -> &[Requirement] {
        &self.security
    }

    /// What a call of this operation needs: one of these, each a set of schemes together.
    #[must_use]
    pub fn security_of<'a>(&'a self, operation: &'a Operation) -> &'a [Requirement] {
        operation.security.as_deref().unwrap_or(&self.security)
    }

    /// Where an operation's requests go: the first of its servers, else of the document's, with `variables` in place of
    /// the defaults of their names. A relative one is joined to `document_url`, where the document came from.
    ///
    /// # Errors
    /// Where there is no server, or its URL cannot be used.
    pub fn base_url(
        &self,
        operation: &Operation,
        document_url: Option<&Url>,
        variables: &BTreeMap<String, String>,
    ) -> Result<Url, Refused> {
        let servers = operation.servers.as_deref().unwrap_or(&self.servers);
        server::base_url(servers, document_url, variables)
    }

    /// How many bytes of the document its operations have read, what is read again counted again. References can make that far
    /// more than the document has.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.meter.spent()
    }

    /// Lets an operation be read.
    pub(crate) fn begin(&self) {
        self.meter.allow(PER_OPERATION);
    }

    /// The value that a part of the document holds.
    pub(crate) fn read(&self, text: &str) -> Result<Value, Refused> {
        self.charge(text)?;
        refs::read(text)
    }

    /// Counts a part of the document that is about to be read.
    pub(crate) fn charge(&self, text: &str) -> Result<(), Refused> {
        self.meter.charge(text.len())
    }

    /// The text of what a reference points to.
    pub(crate) fn locate(&self, reference: &str) -> Result<&str, Refused> {
        if let Some(span) = self.components.get(reference) {
            return Ok(span.text(&self.text));
        }
        let broken = || Refused::new(format!("the reference `{reference}` leads nowhere in the document"));
        let Some(pointer) = reference.strip_prefix("#/") else {
            if reference.starts_with('#') {
                return Err(broken());
            }
            return Err(Refused::new(format!(
                "the reference `{reference}` leaves the document; put all into one document first"
            )));
        };
        let tokens: Vec<Cow<'_, str>> = pointer.split('/').map(text::unescape).collect();
        let (start, rest) = match tokens.as_slice() {
            [first, path, rest @ ..] if first == "paths" => (self.paths.get(path.as_ref()), rest),
            [first, section, name, rest @ ..] if first == "components" => {
                (self.components.get(&format!("#/components/{section}/{}", text::escape(name))), rest)
            }
            [first, rest @ ..] => (self.top.get(first.as_ref()), rest),
            [] => (None, [].as_slice()),
        };
        let mut at = start.ok_or_else(broken)?.text(&self.text);
        for token in rest {
            at = self.step(at, token, 0)?.ok_or_else(broken)?;
        }
        Ok(at)
    }

    /// The member or item of a value, which may itself be a reference.
    fn step<'a>(&'a self, at: &'a str, token: &str, hops: usize) -> Result<Option<&'a str>, Refused> {
        self.charge(at)?;
        if at.starts_with('[') {
            let place = token.parse::<usize>().ok();
            return Ok(place.and_then(|place| raw::items(at).ok()?.get(place).copied()));
        }
        if !raw::is_object(at) {
            return Ok(None);
        }
        let members = raw::members(at)?;
        let member = |name: &str| members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value);
        if let Some(value) = member(token) {
            return Ok(Some(value));
        }
        match member("$ref").map(plain) {
            Some(reference) if hops < crate::refs::MAX_HOPS => self.step(self.direct(&reference)?, token, hops + 1),
            _ => Ok(None),
        }
    }

    /// A component by its whole reference; paths through references of references are not followed further.
    fn direct(&self, reference: &str) -> Result<&str, Refused> {
        let span = self.components.get(reference);
        span.map(|span| span.text(&self.text))
            .ok_or_else(|| Refused::new(format!("the reference `{reference}` leads nowhere in the document")))
    }

    /// The text of a part that was indexed.
    pub(crate) fn part(&self, span: Span) -> &str {
        span.text(&self.text)
    }

    /// The whole text, of which every span is a part.
    pub(crate) fn part_of_all(&self) -> &str {
        &self.text
    }

    /// The names of one section of `components`, in the order of their references.
    pub(crate) fn component_names(&self, section: &str) -> Vec<String> {
        let prefix = format!("#/components/{section}/");
        let mut names: Vec<String> = self
            .components
            .keys()
            .filter_map(|reference| Some(text::unescape(reference.strip_prefix(&prefix)?).into_owned()))
            .collect();
        names.sort();
        names
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("title", &self.title)
            .field("version", &self.version)
            .field("operations", &self.operations.len())
            .finish_non_exhaustive()
    }
}

/// A text without its quotes; a number as it is written.
fn plain(json: &str) -> String {
    serde_json::from_str::<String>(json).unwrap_or_else(|_| json.trim().to_owned())
}
