//! Reading requests: JSON bodies, queries and the parts of a path, with refusals in the contract's shape.

use std::error::Error as StdError;

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::app::App;
use crate::pace::Stalled;
use crate::problem::Problem;

/// A request's JSON body.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        // A page in a browser can send other types to any address without asking; this one it cannot.
        if !is_json(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UnsupportedMediaType",
                "the body must be JSON, with `content-type: application/json`",
            ));
        }
        let body = read(request, "a body", app.options().body_limit).await?;
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|error| Problem::bad_request(format!("the body does not fit the contract: {error}")))
    }
}

/// None where the request has no body.
impl<T: DeserializeOwned> OptionalFromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Option<Self>, Problem> {
        let is_empty = request.body().size_hint().exact() == Some(0);
        if is_empty { Ok(None) } else { <Self as FromRequest<App>>::from_request(request, app).await.map(Some) }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = |value: &str| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(essence);
    kind.is_some_and(|kind| kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")))
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(request: Request, what: &str, limit: usize) -> Result<Bytes, Problem> {
    let (parts, body) = request.into_parts();
    read_body(&parts.headers, body, what, limit).await
}

/// The same for a body whose request goes on.
pub(crate) async fn read_body(headers: &HeaderMap, body: Body, what: &str, limit: usize) -> Result<Bytes, Problem> {
    if length(headers).is_some_and(|length| length > limit as u64) {
        return Err(Problem::too_large(what, limit));
    }
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::too_large(what, limit)),
        Err(error) => Err(broken_off(&*error)),
    }
}

/// Why a body did not come whole.
pub(crate) fn broken_off(error: &(dyn StdError + 'static)) -> Problem {
    if Stalled::is_cause(error) {
        let message = "the body did not arrive: the client sent nothing, or next to nothing, for too long";
        return Problem::new(StatusCode::REQUEST_TIMEOUT, "BodyTimeout", message).fix("send the request again");
    }
    Problem::bad_request(format!("the body broke off: {error}"))
}

/// What a request says that its body has, in bytes.
pub(crate) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The parts of a path.
#[derive(Debug)]
pub(crate) struct Place<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Place<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(place) =
            Path::from_request_parts(parts, app).await.map_err(|error| Problem::bad_request(error.body_text()))?;
        Ok(Self(place))
    }
}

/// A request's query.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        parse_query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// A list may come as one value with commas or as several of one name, with or without `[]`; it becomes the former.
fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let mut texts: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let name = name.strip_suffix("[]").unwrap_or(&name);
        match texts.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => {
                values.push(',');
                values.push_str(&value);
            }
            None => texts.push((name.to_owned(), value.into_owned())),
        }
    }
    let mut fields = Map::new();
    for (name, text) in texts {
        if let Some(value) = typed(&name, text)? {
            fields.insert(name, value);
        }
    }
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| Problem::bad_request(format!("the query does not fit the contract: {error}")))
}

/// A parameter of another type than text; none where it is left empty.
fn typed(name: &str, text: String) -> Result<Option<Value>, Problem> {
    let refuse = |what: &str| Problem::bad_request(format!("`{name}` is {text:?}; it must be {what}"));
    match name {
        "limit" | "is_connected" | "revoke_on_delete" if text.is_empty() => Ok(None),
        "limit" => {
            let limit: u32 = text.parse().map_err(|_| refuse("a whole number"))?;
            Ok(Some(limit.into()))
        }
        "is_connected" | "revoke_on_delete" => match text.as_str() {
            "true" | "1" => Ok(Some(true.into())),
            "false" | "0" => Ok(Some(false.into())),
            _ => Err(refuse("true or false")),
        },
        _ => Ok(Some(text.into())),
    }
}

#[cfg(test)]
mod tests {
    use composio_contract::{SessionToolkitsQuery, ToolsQuery};

    use super::*;

    #[test]
    fn lists_numbers_and_booleans_are_read() {
        let query: SessionToolkitsQuery =
            parse_query("toolkits=a&toolkits=b%2Cc&limit=5&is_connected=false&search=x+y").unwrap();
        assert_eq!(query.toolkits.as_deref(), Some("a,b,c"));
        assert_eq!((query.limit, query.is_connected), (Some(5), Some(false)));
        assert_eq!(query.search.as_deref(), Some("x y"));
        let query: ToolsQuery = parse_query("tool_slugs[]=a&tool_slugs[]=b&limit=&important=true").unwrap();
        assert_eq!((query.tool_slugs.as_deref(), query.limit), (Some("a,b"), None));
        assert_eq!(query.extra["important"], "true");
    }

    #[test]
    fn a_wrong_parameter_is_refused() {
        assert!(parse_query::<ToolsQuery>("limit=-1").is_err());
        assert!(parse_query::<ToolsQuery>("limit=x").is_err());
        assert!(parse_query::<SessionToolkitsQuery>("is_connected=maybe").is_err());
    }

    #[test]
    fn only_json_is_json() {
        let of = |kind: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            is_json(&headers)
        };
        assert!(of("application/json") && of("Application/JSON; charset=utf-8") && of("application/merge-patch+json"));
        assert!(!of("text/plain") && !of("application/x-www-form-urlencoded") && !is_json(&HeaderMap::new()));
    }
}
