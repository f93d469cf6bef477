//! Where the next page of a list is, as the API tells it.

use composio_egress::Response;
use composio_openapi::Input;
use reqwest::header::LINK;
use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

/// Larger bodies are not searched for a link.
const MAX_BODY: usize = 1024 * 1024;
/// Where APIs put the link to the next page.
const FIELDS: [&str; 9] = [
    "/next",
    "/links/next",
    "/_links/next",
    "/_links/next/href",
    "/paging/next",
    "/pagination/next",
    "/pagination/next_url",
    "/next_page_url",
    "/@odata.nextLink",
];

/// What each of them contains.
const COMMON: &[u8] = b"next";

/// The next page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Next {
    /// Its URL.
    url: String,
    /// What to call the same tool with, where the link says that by parameters.
    #[serde(skip_serializing_if = "Map::is_empty")]
    arguments: Map<String, Value>,
}

/// The link to the next page, of the `Link` header or of the body.
pub(super) fn next(response: &Response, input: &Input, given: &Map<String, Value>) -> Option<Next> {
    let link = from_header(response).or_else(|| from_body(response))?;
    let url = response.url.join(&link).ok()?;
    Some(Next { arguments: arguments(&url, input, given), url: url.into() })
}

/// The target of `<…>; rel="next"`.
fn from_header(response: &Response) -> Option<String> {
    let values = response.headers.get_all(LINK).into_iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(links)
        .find(|(_, rel)| rel.split_whitespace().any(|word| word.eq_ignore_ascii_case("next")))
        .map(|(target, _)| target.to_owned())
}

/// Targets and relations of a `Link` header.
fn links(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split('<').skip(1).filter_map(|part| {
        let (target, rest) = part.split_once('>')?;
        let rel = rest.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("rel").then(|| value.trim().trim_end_matches(',').trim().trim_matches('"'))
        })?;
        Some((target, rel))
    })
}

fn from_body(response: &Response) -> Option<String> {
    if !response.status.is_success() || response.body.len() > MAX_BODY {
        return None;
    }
    // Most bodies have none of the fields, and need not be read for that.
    if !response.body.windows(COMMON.len()).any(|part| part == COMMON) {
        return None;
    }
    let body: Value = serde_json::from_slice(&response.body).ok()?;
    let link = FIELDS.iter().find_map(|field| body.pointer(field)?.as_str())?;
    // A bare cursor is for the model to read.
    (link.starts_with("http://") || link.starts_with("https://") || link.starts_with('/')).then(|| link.to_owned())
}

/// The arguments that the link's query makes: those given, with what the link changes.
fn arguments(url: &Url, input: &Input, given: &Map<String, Value>) -> Map<String, Value> {
    let mut arguments = given.clone();
    let mut changes = false;
    for (name, text) in url.query_pairs() {
        let Some(argument) = input.argument_of_query(&name) else { continue };
        let schema = input.schema.get("properties").and_then(|properties| properties.get(argument));
        let kind = schema.and_then(|schema| schema.get("type")).and_then(Value::as_str);
        let value = match kind {
            Some("integer" | "number" | "boolean") => serde_json::from_str(&text).unwrap_or(Value::Null),
            Some("array" | "object") => continue,
            _ => Value::String(text.into_owned()),
        };
        if !value.is_null() && arguments.get(argument) != Some(&value) {
            arguments.insert(argument.to_owned(), value);
            changes = true;
        }
    }
    if changes { arguments } else { Map::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_contains_what_is_looked_for_first() {
        assert!(FIELDS.iter().all(|field| field.as_bytes().windows(COMMON.len()).any(|part| part == COMMON)));
    }

    #[test]
    fn a_link_header_has_targets_and_relations() {
        let header =
            "<https://a.example/x?page=2,3>; rel=\"next\", <https://a.example/x?page=9>; title=\"a\"; rel=last";
        let all: Vec<_> = links(header).collect();
        assert_eq!(all, [("https://a.example/x?page=2,3", "next"), ("https://a.example/x?page=9", "last")]);
        assert_eq!(links("garbage").count(), 0);
    }
}
