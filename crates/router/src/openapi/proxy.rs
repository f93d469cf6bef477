//! Raw calls below a toolkit's base URL.

use composio_contract::{Error, ProxyExecuteRequest, Result};
use composio_egress::Request;
use composio_openapi::climbs;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;

use super::reply;

/// The request: a relative endpoint below the base URL, an absolute one as it is. Whether it may go there is not checked.
pub(super) fn request(raw: &ProxyExecuteRequest, base: &Url) -> Result<Request> {
    let method = match raw.method.to_ascii_uppercase().as_str() {
        "GET" => Method::GET,
        "HEAD" => Method::HEAD,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        other => {
            let message = format!("`{other}` is not a method of a raw call: GET, HEAD, POST, PUT, PATCH or DELETE");
            return Err(Error::validation(message));
        }
    };
    let url = endpoint(&raw.endpoint, base)?;
    let mut request = Request::new(method, url.as_str())?;
    request.limit = reply::MAX_RESPONSE;
    for parameter in raw.parameters.iter().flatten() {
        match parameter.location.as_str() {
            "query" => {
                request.url.query_pairs_mut().append_pair(&parameter.name, &parameter.value);
            }
            "header" => {
                let name = &parameter.name;
                let header: HeaderName =
                    name.parse().map_err(|_| Error::validation(format!("{name:?} is not the name of a header")))?;
                let value = HeaderValue::try_from(&parameter.value).map_err(|_| {
                    Error::validation(format!("the value of the header {name} has a character that is not allowed"))
                })?;
                request.headers.append(header, value);
            }
            other => {
                let name = &parameter.name;
                let message = format!("the parameter `{name}` is of the type `{other}`; it must be query or header");
                return Err(Error::validation(message));
            }
        }
    }
    if let Some(body) = &raw.body {
        let is_text = request
            .headers
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| !kind.to_ascii_lowercase().contains("json"));
        let text = if is_text { body.decode::<Value>("body")?.as_str().map(str::to_owned) } else { None };
        request.body = text.unwrap_or_else(|| body.as_str().to_owned()).into();
        request.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    }
    request.headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json, */*;q=0.5"));
    Ok(request)
}

fn endpoint(endpoint: &str, base: &Url) -> Result<Url> {
    let endpoint = endpoint.trim();
    if endpoint.is_empty() {
        return Err(Error::validation("`endpoint` is empty; give a path such as `/user`, or a URL"));
    }
    match Url::parse(endpoint) {
        Ok(url) => return Ok(url),
        Err(url::ParseError::RelativeUrlWithoutBase) => {}
        Err(error) => return Err(Error::validation(format!("`endpoint` is neither a path nor a URL: {error}"))),
    }
    // Joined as text: by the rules of URLs `//host` and `\\host` would lead elsewhere, and `/x` out of the base's path.
    let path = endpoint.trim_start_matches(['/', '\\']);
    if path.split(['?', '#']).next().is_some_and(climbs) {
        let message = format!("`endpoint` is `{endpoint}`, which leads out of the base path by its segment `..`");
        return Err(Error::validation(message).with_suggested_fix("give a path below the base URL, such as `/user`"));
    }
    let joined = format!("{}/{path}", base.as_str().split(['?', '#']).next().unwrap_or_default().trim_end_matches('/'));
    let url = Url::parse(&joined).map_err(|error| Error::validation(format!("`endpoint` is not a path: {error}")))?;
    if url.origin() != base.origin() {
        return Err(Error::validation("`endpoint` is not a path below the base URL"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_endpoints_stay_below_the_base() {
        let base = Url::parse("https://api.example/v1/?x=1").unwrap();
        for (path, expected) in [
            ("/user", "https://api.example/v1/user"),
            ("user?a=b&c", "https://api.example/v1/user?a=b&c"),
            ("//evil.example/user", "https://api.example/v1/evil.example/user"),
            ("\\\\evil.example", "https://api.example/v1/evil.example"),
            ("@evil.example/", "https://api.example/v1/@evil.example/"),
            ("https://evil.example/x", "https://evil.example/x"),
        ] {
            assert_eq!(endpoint(path, &base).unwrap().as_str(), expected);
        }
        for path in [
            "/../../admin",
            "..",
            "/%2e%2e/%2E./admin",
            ".%2e/x",
            "/a\\..\\..\\admin",
            "/a/..;x=1/admin",
            "/.\t./admin",
            "/%252e%252e/admin",
            "/..%2f..%2fadmin",
            "/..%5cadmin",
        ] {
            let error = endpoint(path, &base).unwrap_err();
            assert!(error.message().contains("leads out of the base path"), "{path}: {error}");
        }
        assert!(endpoint("/search?q=../..#..", &base).is_ok());
        assert!(endpoint(" ", &base).is_err());
        assert!(endpoint("https://", &base).is_err());
    }
}
