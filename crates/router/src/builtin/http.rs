//! The `http` toolkit: one request to the Internet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use composio_contract::{Error, RawJson, Result};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Builtin;
use super::content::{self, Encoding};
use crate::source::{CallContext, Tag};
use composio_egress::{Egress, Request, Response};

/// The most of a response's body that is returned, in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// How long a request may take, in seconds.
const MAX_SECONDS: u64 = 120;

/// The toolkit.
#[must_use]
pub fn toolkit(egress: &Arc<Egress>) -> Builtin {
    let egress = Arc::clone(egress);
    Builtin::new("http", "HTTP", "Sends HTTP requests to hosts on the public Internet.").tool(
        "request",
        "Send an HTTP request",
        "Sends one HTTP request and returns the response: a JSON body as JSON, text as text, anything else in base64. An HTTP \
         error status is a response too. Hosts that are not on the public Internet are blocked.",
        &[Tag::Create, Tag::Update, Tag::Destructive, Tag::OpenWorld],
        move |arguments, context| {
            let egress = Arc::clone(&egress);
            async move { request(&egress, arguments, &context).await }
        },
    )
}

#[derive(Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
enum Verb {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl From<Verb> for Method {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Get => Self::GET,
            Verb::Head => Self::HEAD,
            Verb::Post => Self::POST,
            Verb::Put => Self::PUT,
            Verb::Patch => Self::PATCH,
            Verb::Delete => Self::DELETE,
            Verb::Options => Self::OPTIONS,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RequestArguments {
    /// The URL, http or https.
    url: String,
    /// The method.
    #[serde(default)]
    method: Verb,
    /// Headers by name.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Query parameters to add to the URL: text, numbers or booleans by name; a list repeats the name.
    #[serde(default)]
    query: Map<String, Value>,
    /// The body as JSON; sets the content type.
    #[serde(default, deserialize_with = "present")]
    json: Option<Value>,
    /// The body as text, in place of `json`. Set the content type in `headers`.
    text: Option<String>,
    /// How many seconds it may take.
    #[serde(default = "default_seconds")]
    #[schemars(range(min = 1, max = 120))]
    timeout_seconds: u64,
    /// At most so many bytes of the response's body.
    #[serde(default = "default_bytes")]
    #[schemars(range(min = 0, max = 1_048_576))]
    limit: usize,
}

/// `"json": null` is a body, the JSON value null.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn default_seconds() -> u64 {
    30
}

fn default_bytes() -> usize {
    256 * 1024
}

#[derive(Serialize, JsonSchema)]
struct ResponseResult {
    /// The HTTP status code.
    status: u16,
    /// Where the response came from, after redirects.
    url: String,
    /// The headers, by lower-case name; several of one name are joined by `, `.
    headers: BTreeMap<String, String>,
    /// The body: a JSON value, a text, or base64, by `body_type`.
    #[schemars(with = "Value")]
    body: RawJson,
    /// What `body` is.
    body_type: BodyType,
    /// Whether the body is longer than `limit`; only its start was returned.
    truncated: bool,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum BodyType {
    Json,
    Text,
    Base64,
}

async fn request(egress: &Egress, arguments: RequestArguments, context: &CallContext) -> Result<ResponseResult> {
    let mut request = Request::new(arguments.method.into(), &arguments.url)?;
    for (name, value) in &arguments.headers {
        let (name, value) = header(name, value)?;
        request.headers.append(name, value);
    }
    add_query(&mut request, &arguments.query)?;
    match (arguments.json, arguments.text) {
        (Some(_), Some(_)) => return Err(Error::validation("give `json` or `text`, not both")),
        (Some(json), None) => {
            request.body = json.to_string().into();
            request.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        }
        (None, Some(text)) => request.body = text.into(),
        (None, None) => {}
    }
    request.time_limit = Duration::from_secs(arguments.timeout_seconds.clamp(1, MAX_SECONDS)).min(context.time_limit);
    request.limit = arguments.limit.min(MAX_BODY).min(context.output_limit / 2);
    egress.send(request).await.map(result)?
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let name = name.parse().map_err(|_| Error::validation(format!("{name:?} is not the name of a header")))?;
    let value: HeaderValue = value.parse().map_err(|_| {
        Error::validation(format!("the value of the header {name} has a character that is not allowed"))
    })?;
    Ok((name, value))
}

fn add_query(request: &mut Request, query: &Map<String, Value>) -> Result<()> {
    if query.is_empty() {
        return Ok(());
    }
    let mut pairs = request.url.query_pairs_mut();
    for (name, value) in query {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            match value {
                Value::String(text) => pairs.append_pair(name, text),
                Value::Number(_) | Value::Bool(_) => pairs.append_pair(name, &value.to_string()),
                _ => {
                    return Err(Error::validation(format!(
                        "the query parameter {name:?} is not a text, number or boolean"
                    )));
                }
            };
        }
    }
    Ok(())
}

fn result(response: Response) -> Result<ResponseResult> {
    let is_json = response.media_type().is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"));
    let bytes = Vec::from(response.body);
    // The text crosses as it came, so that large numbers survive.
    let json = if is_json && !response.truncated {
        std::str::from_utf8(&bytes).ok().and_then(|text| RawJson::parse(text.to_owned()).ok())
    } else {
        None
    };
    let (body, body_type) = match json {
        Some(json) => (json, BodyType::Json),
        None => match content::encode(bytes, response.truncated) {
            (text, Encoding::Text, _) => (Value::String(text).into(), BodyType::Text),
            (base64, Encoding::Base64, _) => (Value::String(base64).into(), BodyType::Base64),
        },
    };
    Ok(ResponseResult {
        status: response.status.as_u16(),
        url: response.url.to_string(),
        headers: by_name(&response.headers),
        body,
        body_type,
        truncated: response.truncated,
    })
}

fn by_name(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut named: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        named
            .entry(name.as_str().to_owned())
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    named
}
