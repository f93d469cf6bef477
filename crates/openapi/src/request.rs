//! From arguments to a request.

use serde::Serializer as _;
use serde_json::{Map, Value};
use url::Url;

use crate::body::{Body, Part, PartContent};
use crate::input::{BodyContent, BodyField, BodyFormat, BodyPlan, Input};
use crate::parameter::{self, Place, Style};
use crate::{Method, Refused, climbs, encode};

/// A request without the server it goes to and what signs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The method.
    pub method: Method,
    /// The path below the server's URL, escaped.
    pub path: String,
    /// The query without its question mark, escaped; empty for none.
    pub query: String,
    /// The headers that the arguments set, and `Accept`. Cookies are one header of them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

impl Prepared {
    /// Where the request goes on a server.
    ///
    /// # Errors
    /// Where no URL comes of it.
    pub fn url(&self, base: &Url) -> Result<Url, Refused> {
        let mut url = base.clone();
        let (path, fixed) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let joined = format!("{}{path}", base.path().trim_end_matches('/'));
        url.set_path(&joined);
        let parts = [base.query().unwrap_or_default(), fixed, &self.query];
        let query: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        url.set_query((!query.is_empty()).then(|| query.join("&")).as_deref());
        url.set_fragment(None);
        if url.origin() != base.origin() {
            return Err(Refused::new("the path leads to another server"));
        }
        Ok(url)
    }
}

impl Input {
    /// The request that these arguments make. They should have been checked against [`Input::schema`].
    ///
    /// # Errors
    /// Where an argument that the request cannot be written without is missing, or has a value that cannot stand there.
    pub fn prepare(&self, arguments: &Map<String, Value>) -> Result<Prepared, Refused> {
        let mut path = String::new();
        // What follows a `#` never reaches a server; some documents tell operations of one path apart by it.
        let mut rest = self.path.split('#').next().unwrap_or_default();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((inner, after)) = after.split_once('}') else { break };
            path.push_str(before);
            path.push_str(&self.path_value(parameter::bare_name(inner), arguments)?);
            rest = after;
        }
        path.push_str(rest);
        // Two values beside each other may make what neither of them is.
        if climbs(&path) {
            return Err(Refused::new(format!(
                "the path of {} leads out of its place with these arguments",
                self.operation
            )));
        }
        let mut query = Vec::new();
        let mut cookies = Vec::new();
        let mut headers = vec![("Accept".to_owned(), self.accept.clone())];
        for (argument, parameter) in &self.parameters {
            let Some(value) = arguments.get(argument) else {
                if parameter.required && parameter.place != Place::Path {
                    return Err(Refused::new(format!("`{argument}` is required and missing")));
                }
                continue;
            };
            let pairs = |reserved| {
                let pairs = encode::pairs(&parameter.name, value, parameter.style, parameter.explode, reserved);
                pairs.into_iter().map(|(name, value)| format!("{name}={value}"))
            };
            match parameter.place {
                Place::Path => {}
                Place::Query => query.extend(pairs(parameter.reserved)),
                Place::Cookie => cookies.extend(pairs(false)),
                Place::Header => {
                    let text =
                        encode::in_place(&parameter.name, value, parameter.style, parameter.explode, &str::to_owned);
                    if text.chars().any(|c| c.is_control() && c != '\t') {
                        return Err(Refused::new(format!("`{argument}` has characters that a header cannot have")));
                    }
                    headers.push((parameter.name.clone(), text));
                }
            }
        }
        if !cookies.is_empty() {
            headers.push(("Cookie".to_owned(), cookies.join("; ")));
        }
        let body = match &self.body {
            Some(plan) => self.body(plan, arguments)?,
            None => Body::Empty,
        };
        Ok(Prepared { method: self.method, path, query: query.join("&"), headers, body })
    }

    fn path_value(&self, name: &str, arguments: &Map<String, Value>) -> Result<String, Refused> {
        let found = self.parameters.iter().find(|(_, other)| other.place == Place::Path && other.name == name);
        let Some((argument, parameter)) = found else {
            return Err(Refused::new(format!("the path of {} has no parameter `{name}`", self.operation)));
        };
        let missing = || Refused::new(format!("`{argument}` is required and missing"));
        let value = arguments.get(argument).filter(|value| !value.is_null()).ok_or_else(missing)?;
        let escape = |text: &str| encode::escape(text, parameter.reserved);
        let text = encode::in_place(&parameter.name, value, parameter.style, parameter.explode, &escape);
        if text.is_empty() {
            return Err(Refused::new(format!("`{argument}` is empty; the path needs a value")));
        }
        // A dot is never escaped, and two of them would climb out of the path.
        if text.split('/').any(|segment| segment == "." || segment == "..") || climbs(&text) {
            return Err(Refused::new(format!("`{argument}` has a segment `.` or `..`, which cannot stand in a path")));
        }
        Ok(text)
    }

    fn body(&self, plan: &BodyPlan, arguments: &Map<String, Value>) -> Result<Body, Refused> {
        match &plan.content {
            BodyContent::Whole { argument, fields } => match arguments.get(argument) {
                None if plan.required => Err(Refused::new(format!("`{argument}` is required and missing"))),
                None => Ok(Body::Empty),
                Some(value) => whole(plan, argument, value, fields),
            },
            BodyContent::Fields { fields, required, others } => {
                let given =
                    fields.iter().filter_map(|field| Some((field.name.as_str(), arguments.get(&field.argument)?)));
                let mut members: Members<'_> = given.collect();
                if *others {
                    let taken = |name: &str| {
                        fields.iter().any(|field| field.argument == name)
                            || self.parameters.iter().any(|(argument, _)| argument == name)
                    };
                    let rest = arguments.iter().filter(|(name, _)| !taken(name));
                    let rest: Members<'_> = rest.map(|(name, value)| (name.as_str(), value)).collect();
                    members.retain(|(known, _)| !rest.iter().any(|(name, _)| name == known));
                    members.extend(rest);
                }
                if members.is_empty() && !plan.required {
                    return Ok(Body::Empty);
                }
                if let Some(missing) = required.iter().find(|name| !members.iter().any(|(known, _)| known == name)) {
                    return Err(Refused::new(format!("the body's field `{missing}` is required and missing")));
                }
                written(plan, &members, fields)
            }
        }
    }
}

/// Of a body: what its fields are called, and their values.
type Members<'a> = Vec<(&'a str, &'a Value)>;

fn whole(plan: &BodyPlan, argument: &str, value: &Value, fields: &[BodyField]) -> Result<Body, Refused> {
    let media_type = plan.media_type.clone();
    match plan.format {
        BodyFormat::Json => Ok(Body::Bytes { media_type, content: value.to_string().into_bytes() }),
        BodyFormat::Text => Ok(Body::Bytes { media_type, content: encode::text(value).into_bytes() }),
        BodyFormat::File => match value {
            Value::String(path) => Ok(Body::File { media_type, path: path.clone() }),
            _ => Err(Refused::new(format!("`{argument}` must be the path of a file"))),
        },
        BodyFormat::Form | BodyFormat::Multipart => match value {
            Value::Object(members) => {
                let members: Members<'_> = members.iter().map(|(name, value)| (name.as_str(), value)).collect();
                written(plan, &members, fields)
            }
            _ => Err(Refused::new(format!("`{argument}` must be an object: it is sent as a form"))),
        },
    }
}

fn written(plan: &BodyPlan, members: &[(&str, &Value)], fields: &[BodyField]) -> Result<Body, Refused> {
    let media_type = plan.media_type.clone();
    match plan.format {
        BodyFormat::Json | BodyFormat::Text | BodyFormat::File => {
            // The values' own text, whose numbers are those that came.
            let mut content = Vec::with_capacity(128);
            let done = serde_json::Serializer::new(&mut content).collect_map(members.iter().copied());
            done.map_err(|error| Refused::new(error.to_string()))?;
            Ok(Body::Bytes { media_type, content })
        }
        BodyFormat::Form => {
            let pairs: Vec<String> = members
                .iter()
                .flat_map(|&(name, value)| {
                    let field = fields.iter().find(|field| field.name == name);
                    let nested = if value.is_object() { Style::Json } else { Style::Form };
                    let (style, explode) = field.map_or((nested, true), |field| (field.style, field.explode));
                    let style = if value.is_object() || value.is_array() || style == Style::DeepObject {
                        style
                    } else {
                        Style::Form
                    };
                    encode::pairs(name, value, style, explode, false)
                })
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            Ok(Body::Bytes { media_type, content: pairs.join("&").into_bytes() })
        }
        BodyFormat::Multipart => {
            let mut parts = Vec::new();
            for &(name, value) in members {
                let field = fields.iter().find(|field| field.name == name);
                for value in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
                    parts.push(Part { name: name.to_owned(), content: part(name, value, field)? });
                }
            }
            Ok(Body::Multipart(parts))
        }
    }
}

fn part(name: &str, value: &Value, field: Option<&BodyField>) -> Result<PartContent, Refused> {
    let media_type = field.and_then(|field| field.media_type.clone());
    if field.is_some_and(|field| field.is_file) {
        return match value {
            Value::String(path) => {
                let media_type = media_type.unwrap_or_else(|| "application/octet-stream".to_owned());
                Ok(PartContent::File { media_type, path: path.clone() })
            }
            _ => Err(Refused::new(format!("`{name}` must be the path of a file"))),
        };
    }
    let json = value.is_object() || value.is_array();
    let media_type = media_type.or_else(|| json.then(|| "application/json".to_owned()));
    Ok(PartContent::Text { media_type, text: encode::text(value) })
}
