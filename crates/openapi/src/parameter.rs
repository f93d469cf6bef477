//! The parameters of an operation.

use serde_json::{Map, Value, json};

use crate::document::Document;
use crate::input::MAX_ARGUMENTS;
use crate::operation::Operation;
use crate::security::{KeyPlace, SecurityKind};
use crate::{Refused, refs};

/// Headers that no caller sets: those of the connection, and those that the document describes elsewhere.
const NOT_FOR_CALLERS: [&str; 16] = [
    "accept",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
];

/// Where a parameter stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
    Cookie,
}

impl Place {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }
}

/// How lists and objects are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Simple,
    Label,
    Matrix,
    Form,
    SpaceDelimited,
    TabDelimited,
    PipeDelimited,
    DeepObject,
    /// As JSON text.
    Json,
}

impl Style {
    pub(crate) fn read(name: &str) -> Option<Self> {
        Some(match name {
            "simple" => Self::Simple,
            "label" => Self::Label,
            "matrix" => Self::Matrix,
            "form" => Self::Form,
            "spaceDelimited" => Self::SpaceDelimited,
            "x-tabDelimited" => Self::TabDelimited,
            "pipeDelimited" => Self::PipeDelimited,
            "deepObject" => Self::DeepObject,
            _ => return None,
        })
    }
}

/// A parameter.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) required: bool,
    pub(crate) style: Style,
    pub(crate) explode: bool,
    /// Whether characters that mean something in a URL stay as they are.
    pub(crate) reserved: bool,
    pub(crate) schema: Value,
    /// What the parameter says about itself beside its schema.
    pub(crate) about: Map<String, Value>,
}

/// The parameters that a caller gives: the operation's own, those of its path, and those that only the path's template
/// names. Sorted by place; within one, as the document has them.
pub(crate) fn all(document: &Document, operation: &Operation, value: &Value) -> Result<Vec<Parameter>, Refused> {
    let mut parameters: Vec<Parameter> = Vec::new();
    let shared = operation.shared_parameters(document)?;
    let own = value.get("parameters").cloned().unwrap_or_default();
    for declared in [shared, own] {
        let Value::Array(declared) = declared else { continue };
        for parameter in declared {
            let Some(parameter) = read(document, parameter)? else { continue };
            match parameters.iter_mut().find(|other| (&other.name, other.place) == (&parameter.name, parameter.place)) {
                Some(other) => *other = parameter,
                None => parameters.push(parameter),
            }
            if parameters.len() > MAX_ARGUMENTS {
                return Err(Refused::new(format!("it has more than {MAX_ARGUMENTS} parameters")));
            }
        }
    }
    let names = template_names(&operation.path);
    parameters.retain(|parameter| match parameter.place {
        Place::Path => names.iter().any(|(name, _)| *name == parameter.name),
        _ => !signs(document, parameter),
    });
    for (name, reserved) in names {
        match parameters.iter_mut().find(|parameter| parameter.place == Place::Path && parameter.name == name) {
            Some(parameter) => {
                parameter.required = true;
                parameter.reserved |= reserved;
            }
            None => parameters.push(Parameter {
                name: name.to_owned(),
                place: Place::Path,
                required: true,
                style: Style::Simple,
                explode: false,
                reserved,
                schema: json!({"type": "string"}),
                about: Map::new(),
            }),
        }
    }
    parameters.sort_by_key(|parameter| parameter.place);
    Ok(parameters)
}

/// The names between braces in a path, and whether a `+` or `*` lets them hold several segments.
pub(crate) fn template_names(path: &str) -> Vec<(&str, bool)> {
    let mut names: Vec<(&str, bool)> = Vec::new();
    for part in path.split('{').skip(1) {
        let Some((inner, _)) = part.split_once('}') else { continue };
        let name = bare_name(inner);
        if !names.iter().any(|(other, _)| *other == name) {
            names.push((name, name.len() < inner.len()));
        }
    }
    names
}

/// The name in a template's braces without the operators of RFC 6570.
pub(crate) fn bare_name(inner: &str) -> &str {
    inner.trim_start_matches('+').trim_end_matches(['*', '+'])
}

fn read(document: &Document, parameter: Value) -> Result<Option<Parameter>, Refused> {
    let parameter = document.resolve(parameter)?;
    let text = |name: &str| parameter.get(name).and_then(Value::as_str);
    let flag = |name: &str| parameter.get(name).and_then(Value::as_bool);
    let Some(name) = text("name").map(str::trim).filter(|name| !name.is_empty()) else { return Ok(None) };
    let place = match text("in") {
        Some("path") => Place::Path,
        Some("query") => Place::Query,
        Some("header") => Place::Header,
        Some("cookie") => Place::Cookie,
        _ => return Ok(None),
    };
    if place == Place::Header && NOT_FOR_CALLERS.iter().any(|other| other.eq_ignore_ascii_case(name)) {
        return Ok(None);
    }
    let default = match place {
        Place::Path | Place::Header => Style::Simple,
        Place::Query | Place::Cookie => Style::Form,
    };
    let mut style = text("style").and_then(Style::read).unwrap_or(default);
    let mut schema = parameter.get("schema").cloned().unwrap_or_default();
    if schema.is_null()
        && let Some(media) = parameter.get("content").and_then(Value::as_object)
        && let Some((kind, media)) = media.iter().next()
    {
        schema = media.get("schema").cloned().unwrap_or_default();
        if kind.contains("json") {
            style = Style::Json;
        }
    }
    let mut about = Map::new();
    for key in ["description", "example", "deprecated"] {
        if let Some(value) = parameter.get(key) {
            about.insert(key.to_owned(), value.clone());
        }
    }
    Ok(Some(Parameter {
        name: name.to_owned(),
        place,
        required: place == Place::Path || flag("required") == Some(true),
        style,
        explode: flag("explode").unwrap_or(style == Style::Form || style == Style::DeepObject),
        reserved: flag("allowReserved") == Some(true),
        schema,
        about,
    }))
}

/// Whether a parameter is what a security scheme puts there: no caller knows it.
fn signs(document: &Document, parameter: &Parameter) -> bool {
    document.security_schemes().iter().any(|scheme| {
        let SecurityKind::ApiKey { place, name } = &scheme.kind else { return false };
        match (place, parameter.place) {
            (KeyPlace::Header, Place::Header) => name.eq_ignore_ascii_case(&parameter.name),
            (KeyPlace::Query, Place::Query) | (KeyPlace::Cookie, Place::Cookie) => *name == parameter.name,
            _ => false,
        }
    })
}

/// What kind of value a schema's top says it is, through references.
pub(crate) fn resolved(document: &Document, schema: &Value) -> Result<Value, Refused> {
    if refs::reference(schema).is_some() { document.resolve(schema.clone()) } else { Ok(schema.clone()) }
}
