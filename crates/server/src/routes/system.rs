//! Health, metrics and the OpenAPI document.

use std::io::{self, Write as _};
use std::sync::LazyLock;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use super::Answer;
use crate::app::App;
use crate::contract;
use crate::problem::Problem;

/// Made when it is first asked for, and kept.
static DOCUMENT: LazyLock<Result<Document, String>> = LazyLock::new(|| {
    let text = contract::document(&super::served()).map_err(|error| error.to_string())?;
    Document::new(text).map_err(|error| error.to_string())
});

struct Document {
    text: Bytes,
    /// With gzip.
    packed: Bytes,
    /// For `If-None-Match`.
    tag: String,
}

impl Document {
    fn new(text: String) -> io::Result<Self> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(text.as_bytes())?;
        // Its first half is as good as all of it.
        let digest: String = HEXLOWER.encode(&Sha256::digest(&text)).chars().take(32).collect();
        Ok(Self { packed: packed.finish()?.into(), tag: format!("\"{digest}\""), text: text.into() })
    }
}

/// The process runs.
pub(super) async fn live() -> Response {
    json(r#"{"status":"live"}"#)
}

/// It can answer calls.
pub(super) async fn ready(State(app): State<App>) -> Answer {
    app.router().store().ping().await.map_err(|error| {
        tracing::error!(%error, "not ready");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "NotReady", "the store does not answer").retry_after(5)
    })?;
    Ok(json(r#"{"status":"ready"}"#))
}

pub(super) async fn metrics(State(app): State<App>) -> Answer {
    app.metrics().held(app.router().held_tools().len());
    let text = app.metrics().text(app.router().quotas()).map_err(|error| Problem::internal(error.to_string()))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// Every reply shares the same bytes.
pub(super) async fn document(headers: HeaderMap) -> Answer {
    let document = DOCUMENT.as_ref().map_err(Problem::internal)?;
    let mut response = if names(&headers, header::IF_NONE_MATCH, &document.tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if names(&headers, header::ACCEPT_ENCODING, "gzip") {
        ([(header::CONTENT_ENCODING, "gzip")], document.packed.clone()).into_response()
    } else {
        document.text.clone().into_response()
    };
    let fixed = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::VARY, "accept-encoding"),
    ];
    response.headers_mut().extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    if let Ok(tag) = HeaderValue::from_str(&document.tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Whether a list in a header has an entry, which is not forbidden by `q=0`.
fn names(headers: &HeaderMap, name: HeaderName, entry: &str) -> bool {
    let lists = headers.get_all(name).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|given| {
        let (given, parameters) = given.split_once(';').unwrap_or((given, ""));
        let given = given.trim();
        let given = given.strip_prefix("W/").unwrap_or(given);
        let weight = parameters.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
        given.eq_ignore_ascii_case(entry) && weight != Some(0.0)
    })
}

fn json(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
