//! What an operation takes: one flat schema of arguments, and where in a request each of them goes.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::document::Document;
use crate::operation::Operation;
use crate::parameter::{self, Parameter, Style};
use crate::schema::{self, Builder, Side};
use crate::{Method, Refused, refs};

/// How many bytes of definitions the schema of arguments takes in.
const DEFINITIONS: usize = 64 * 1024;
/// The largest schema of arguments, in bytes.
const MAX_SCHEMA: usize = 1024 * 1024;
/// The longest name of an argument; providers take no longer one.
const MAX_NAME: usize = 64;
/// How many parts an `allOf` may have, and how deep, where it is taken apart.
const MAX_PARTS: usize = 64;
/// How many arguments an operation may have, and how many fields an object may have that becomes arguments.
pub(crate) const MAX_ARGUMENTS: usize = 2_000;

/// What an operation takes.
#[derive(Clone, Debug)]
pub struct Input {
    /// The JSON Schema of the arguments, an object.
    pub schema: Value,
    pub(crate) operation: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) parameters: Vec<(String, Parameter)>,
    pub(crate) body: Option<BodyPlan>,
    /// The media types that a success may have, as an `Accept` header.
    pub(crate) accept: String,
}

impl Input {
    /// The argument that fills a query parameter, for telling a caller what to ask for next.
    #[must_use]
    pub fn argument_of_query(&self, name: &str) -> Option<&str> {
        let found = self
            .parameters
            .iter()
            .find(|(_, parameter)| parameter.place == parameter::Place::Query && parameter.name == name);
        found.map(|(argument, _)| argument.as_str())
    }
}

/// How the body is made of arguments.
#[derive(Clone, Debug)]
pub(crate) struct BodyPlan {
    pub(crate) media_type: String,
    pub(crate) format: BodyFormat,
    pub(crate) required: bool,
    pub(crate) content: BodyContent,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFormat {
    Json,
    Form,
    Multipart,
    Text,
    /// A file of the user's.
    File,
}

/// Which arguments a body is made of.
#[derive(Clone, Debug)]
pub(crate) enum BodyContent {
    /// One argument is the whole body.
    Whole { argument: String, fields: Vec<BodyField> },
    /// Each field is an argument; what no other takes goes there as it is, where that may be.
    Fields { fields: Vec<BodyField>, required: Vec<String>, others: bool },
}

/// A field of the body.
#[derive(Clone, Debug)]
pub(crate) struct BodyField {
    pub(crate) argument: String,
    pub(crate) name: String,
    pub(crate) style: Style,
    pub(crate) explode: bool,
    pub(crate) is_file: bool,
    pub(crate) media_type: Option<String>,
}

impl Document {
    /// What an operation takes.
    ///
    /// # Errors
    /// Where the document's description of it cannot be used: a reference that leads nowhere, out of the document or in a
    /// circle, or schemas that are nested too deep or too large.
    pub fn input(&self, operation: &Operation) -> Result<Input, Refused> {
        self.begin();
        let value = operation.read(self)?;
        let mut builder = Builder::new(self, Side::Request, DEFINITIONS);
        let mut arguments = Arguments::default();
        let mut parameters = Vec::new();
        for parameter in parameter::all(self, operation, &value)? {
            let place = parameter.place.name();
            let mut schema = builder.convert(&parameter.schema).map_err(|error| error.at(&parameter.name))?;
            describe(&mut schema, &parameter.about);
            let name = arguments.add(&parameter.name, place, schema, parameter.required);
            parameters.push((name, parameter));
        }
        let body = match value.get("requestBody") {
            Some(body) if operation.method.may_have_body() => {
                self.body(body.clone(), &mut builder, &mut arguments).map_err(|error| error.at("its body"))?
            }
            _ => None,
        };
        let schema = builder.finish(arguments.schema(&body))?;
        if schema.to_string().len() > MAX_SCHEMA {
            return Err(Refused::new(format!("the schema of its arguments is larger than {MAX_SCHEMA} bytes")));
        }
        Ok(Input {
            schema,
            operation: operation.name.clone(),
            method: operation.method,
            path: operation.path.clone(),
            parameters,
            body,
            accept: self.accept(&value),
        })
    }

    fn body(
        &self,
        body: Value,
        builder: &mut Builder<'_>,
        arguments: &mut Arguments,
    ) -> Result<Option<BodyPlan>, Refused> {
        let body = self.resolve(body)?;
        let Some((media_type, media, format)) = choose(&body) else { return Ok(None) };
        let declared = body.get("required").and_then(Value::as_bool);
        let described = body.get("description").and_then(Value::as_str);
        let raw = media.get("schema").cloned().unwrap_or_default();
        let encoding = media.get("encoding").cloned().unwrap_or_default();
        let shape = match format {
            BodyFormat::Json | BodyFormat::Form | BodyFormat::Multipart => self.shape(&raw, builder)?,
            BodyFormat::Text | BodyFormat::File => None,
        };
        let field = |name: &str, property: &Value, argument: String| -> Result<BodyField, Refused> {
            let property = parameter::resolved(self, property)?;
            let encoding = encoding.get(name).cloned().unwrap_or_default();
            Ok(body_field(name, argument, &property, &encoding, format))
        };
        let plan = |required, content| Some(BodyPlan { media_type: media_type.clone(), format, required, content });
        if let Some(shape) = shape {
            // Who requires a field and says nothing of the body means to have one.
            let required = declared.unwrap_or(!shape.required.is_empty());
            let mut fields = Vec::with_capacity(shape.properties.len());
            for (name, property) in &shape.properties {
                let one = field(name, property, String::new())?;
                let schema = if one.is_file {
                    file_schema(&builder.convert(property)?)
                } else {
                    builder.convert(property).map_err(|error| error.at(name))?
                };
                let argument = arguments.add(name, "body", schema, required && shape.required.contains(name));
                fields.push(BodyField { argument, ..one });
            }
            if let Some(others) = &shape.others {
                arguments.others = Some(builder.convert(others)?);
            }
            let others = shape.others.is_some();
            return Ok(plan(required, BodyContent::Fields { fields, required: shape.required, others }));
        }
        let mut schema = match format {
            BodyFormat::File => file_schema(&Value::Null),
            BodyFormat::Text => match builder.convert(&raw)? {
                schema if schema.get("type").and_then(Value::as_str) == Some("string") => schema,
                _ => json!({"type": "string"}),
            },
            _ => builder.convert(&raw)?,
        };
        if let Some(described) = described {
            describe(&mut schema, &Map::from_iter([("description".to_owned(), json!(described))]));
        }
        let mut fields = Vec::new();
        if matches!(format, BodyFormat::Form | BodyFormat::Multipart) {
            let resolved = parameter::resolved(self, &raw)?;
            for (name, property) in resolved.get("properties").and_then(Value::as_object).into_iter().flatten() {
                fields.push(field(name, property, name.clone())?);
            }
        }
        let required = declared.unwrap_or(false);
        let argument = arguments.add("body", "body", schema, required);
        Ok(plan(required, BodyContent::Whole { argument, fields }))
    }

    /// The fields of a body that is an object and nothing else.
    fn shape(&self, schema: &Value, builder: &Builder<'_>) -> Result<Option<Shape>, Refused> {
        let mut shape = Shape::default();
        let mut parts = 0;
        if !self.gather(schema, builder, &mut shape, &mut parts)? || shape.properties.is_empty() {
            return Ok(None);
        }
        let hidden = std::mem::take(&mut shape.hidden);
        shape.required.retain(|name| !hidden.contains(name));
        // A field may be required and described nowhere; no caller would know of it.
        for name in &shape.required {
            if !shape.properties.iter().any(|(other, _)| other == name) {
                shape.properties.push((name.clone(), shape.others.clone().unwrap_or_else(|| json!({}))));
            }
        }
        Ok(Some(shape))
    }

    fn gather(
        &self,
        schema: &Value,
        builder: &Builder<'_>,
        shape: &mut Shape,
        parts: &mut usize,
    ) -> Result<bool, Refused> {
        *parts += 1;
        if *parts > MAX_PARTS {
            return Err(Refused::new(format!("it is made of more than {MAX_PARTS} parts")));
        }
        let schema = parameter::resolved(self, schema)?;
        let Value::Object(schema) = &schema else { return Ok(false) };
        if schema.get("type").is_some_and(|kind| kind != "object" && *kind != json!(["object"])) {
            return Ok(false);
        }
        for name in ["oneOf", "anyOf", "not", "if", "patternProperties"] {
            let only_requires =
                |part: &Value| part.as_object().is_some_and(|part| part.keys().all(|key| key == "required"));
            match schema.get(name) {
                None => {}
                // Which fields go together is for the API to say; no provider takes that at the top.
                Some(Value::Array(parts)) if parts.iter().all(only_requires) => {}
                Some(_) => return Ok(false),
            }
        }
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if builder.hides_property(property) {
                shape.hidden.insert(name.clone());
                continue;
            }
            match shape.properties.iter_mut().find(|(other, _)| other == name) {
                Some((_, other)) => *other = property.clone(),
                None => shape.properties.push((name.clone(), property.clone())),
            }
            if shape.properties.len() > MAX_ARGUMENTS {
                return Ok(false);
            }
        }
        for name in schema::required(schema, &[]) {
            if !shape.required.iter().any(|other| other == name) {
                shape.required.push(name.to_owned());
            }
            if shape.required.len() > MAX_ARGUMENTS {
                return Ok(false);
            }
        }
        if let Some(others @ (Value::Bool(true) | Value::Object(_))) = schema.get("additionalProperties") {
            shape.others = Some(others.clone());
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            if !self.gather(part, builder, shape, parts)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a success may be, the JSON first.
    fn accept(&self, operation: &Value) -> String {
        let kinds = match self.success(operation) {
            Some(response) => response
                .get("content")
                .and_then(Value::as_object)
                .map(|content| content.keys().map(|kind| kind.trim().to_owned()).collect())
                .unwrap_or_default(),
            None => Vec::new(),
        };
        let is_whole = |kind: &&String| kind.contains('/') && kind.bytes().all(|byte| (b' '..0x7f).contains(&byte));
        let best = kinds.iter().filter(is_whole).find(|kind| is_json(kind)).or(kinds.iter().find(is_whole));
        match best.map(String::as_str) {
            None | Some("*/*") => "application/json, */*;q=0.5".to_owned(),
            Some(kind) => format!("{kind}, */*;q=0.5"),
        }
    }
}

#[derive(Default)]
struct Shape {
    properties: Vec<(String, Value)>,
    required: Vec<String>,
    hidden: HashSet<String>,
    /// The schema of fields that are not named.
    others: Option<Value>,
}

/// The arguments so far.
#[derive(Default)]
struct Arguments {
    properties: Map<String, Value>,
    required: Vec<String>,
    /// The schema of arguments that are not named.
    others: Option<Value>,
}

impl Arguments {
    /// Adds one under a name that no other has: its own, or with the place it goes to behind it.
    fn add(&mut self, name: &str, place: &str, schema: Value, required: bool) -> String {
        let safe = safe_name(name);
        let mut argument = safe.clone();
        if self.properties.contains_key(&argument) {
            argument = fit(&safe, &format!("_in_{place}"));
        }
        let mut number = 2_usize;
        while self.properties.contains_key(&argument) {
            argument = fit(&safe, &format!("_in_{place}_{number}"));
            number += 1;
        }
        let schema = if schema == Value::Bool(true) { json!({}) } else { schema };
        self.properties.insert(argument.clone(), schema);
        if required {
            self.required.push(argument.clone());
        }
        argument
    }

    fn schema(self, body: &Option<BodyPlan>) -> Value {
        let others = body.as_ref().is_some_and(|body| matches!(body.content, BodyContent::Fields { others: true, .. }));
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("properties".to_owned(), Value::Object(self.properties));
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), json!(self.required));
        }
        let others = self.others.filter(|_| others).unwrap_or(Value::Bool(false));
        schema.insert("additionalProperties".to_owned(), others);
        Value::Object(schema)
    }
}

/// A name that every provider takes for an argument.
fn safe_name(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') {
            safe.push(c);
        } else if !safe.ends_with('_') {
            safe.push('_');
        }
    }
    let trimmed = if safe.len() > name.len() || safe != name { safe.trim_matches('_') } else { &safe };
    let safe = if trimmed.is_empty() { "argument" } else { trimmed };
    fit(safe, "")
}

fn fit(name: &str, end: &str) -> String {
    let room = MAX_NAME.saturating_sub(end.len());
    format!("{}{end}", name.get(..room.min(name.len())).unwrap_or(name))
}

/// What is known of an argument beside its schema.
fn describe(schema: &mut Value, about: &Map<String, Value>) {
    if *schema == Value::Bool(true) || schema.is_null() {
        *schema = json!({});
    }
    let Value::Object(schema) = schema else { return };
    if let Some(text) = about.get("description").and_then(Value::as_str).filter(|text| !text.trim().is_empty()) {
        schema.insert("description".to_owned(), json!(crate::text::shorten(text, 600)));
    }
    if about.get("deprecated").and_then(Value::as_bool) == Some(true) {
        schema.insert("deprecated".to_owned(), Value::Bool(true));
    }
    if let Some(example) = about.get("example").filter(|example| !example.is_null())
        && !schema.contains_key("examples")
        && example.to_string().len() <= 200
    {
        schema.insert("examples".to_owned(), json!([example]));
    }
}

/// A file stands as its path among the user's own.
fn file_schema(schema: &Value) -> Value {
    let path = |about: Option<&str>| {
        let about = about.map(|about| format!("{about} ")).unwrap_or_default();
        json!({"type": "string", "description": format!("{about}The path of a file among the user's files.")})
    };
    let about = schema.get("description").and_then(Value::as_str);
    if schema.get("items").is_some() {
        let mut list = json!({"type": "array", "items": path(None)});
        if let (Some(about), Some(list)) = (about, list.as_object_mut()) {
            list.insert("description".to_owned(), json!(about));
        }
        return list;
    }
    path(about)
}

/// The media type that requests are sent in: JSON before a form, a form before parts, then text, then a file.
fn choose(body: &Value) -> Option<(String, Value, BodyFormat)> {
    let content = body.get("content")?.as_object()?;
    let format = |kind: &str| {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/x-www-form-urlencoded" => BodyFormat::Form,
            "multipart/form-data" | "multipart/mixed" | "multipart/related" => BodyFormat::Multipart,
            "application/xml" | "application/graphql" | "application/yaml" | "application/x-ndjson" => BodyFormat::Text,
            _ if is_json(&kind) => BodyFormat::Json,
            _ if kind.starts_with("text/") || kind.ends_with("+xml") => BodyFormat::Text,
            _ => BodyFormat::File,
        }
    };
    let rank = |format| match format {
        BodyFormat::Json => 0,
        BodyFormat::Form => 1,
        BodyFormat::Multipart => 2,
        BodyFormat::Text => 3,
        BodyFormat::File => 4,
    };
    let (kind, media) = content.iter().min_by_key(|(kind, _)| rank(format(kind)))?;
    let format = match format(kind) {
        // Whatever the API takes: JSON, where a schema says what that is.
        BodyFormat::File if kind.contains('*') && has_schema(media) => BodyFormat::Json,
        format => format,
    };
    let media_type = match (format, kind.as_str()) {
        (BodyFormat::Json, kind) if kind.contains('*') || !kind.contains('/') => "application/json".to_owned(),
        (BodyFormat::File, kind) if kind.contains('*') || !kind.contains('/') => "application/octet-stream".to_owned(),
        (BodyFormat::Text, kind) if kind.contains('*') => "text/plain".to_owned(),
        (_, kind) => kind.trim().to_owned(),
    };
    Some((media_type, media.clone(), format))
}

fn has_schema(media: &Value) -> bool {
    media.get("schema").is_some_and(|schema| {
        refs::reference(schema).is_some()
            || schema.get("properties").is_some()
            || !matches!(schema.get("type").and_then(Value::as_str), None | Some("string"))
    })
}

/// Whether a media type is JSON.
pub(crate) fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind == "text/json" || kind == "json" || kind.ends_with("+json")
}

fn body_field(name: &str, argument: String, property: &Value, encoding: &Value, format: BodyFormat) -> BodyField {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let is_object =
        |value: &Value| text(value, "type").as_deref() == Some("object") || value.get("properties").is_some();
    let is_binary = |value: &Value| {
        text(value, "format").is_some_and(|format| format == "binary")
            || text(value, "type").as_deref() == Some("file")
            || (text(value, "contentMediaType").is_some_and(|kind| kind == "application/octet-stream")
                && text(value, "contentEncoding").is_none())
    };
    let items = property.get("items").cloned().unwrap_or_default();
    let style = text(encoding, "style").as_deref().and_then(Style::read);
    let explode = encoding.get("explode").and_then(Value::as_bool);
    let reads = style.is_some() || explode.is_some();
    let is_json = (is_object(property) || is_object(&items)) && !reads;
    BodyField {
        argument,
        name: name.to_owned(),
        style: if is_json { Style::Json } else { style.unwrap_or(Style::Form) },
        explode: explode.unwrap_or(matches!(style, None | Some(Style::Form | Style::DeepObject))),
        is_file: format == BodyFormat::Multipart && (is_binary(property) || is_binary(&items)),
        media_type: text(encoding, "contentType").filter(|kind| !kind.contains(['*', ','])),
    }
}
