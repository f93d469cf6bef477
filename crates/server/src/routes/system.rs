//! Health, metrics and the OpenAPI document.

use std::sync::LazyLock;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;

use super::Answer;
use crate::app::App;
use crate::contract;
use crate::problem::Problem;

/// Made when it is first asked for, and kept.
static DOCUMENT: LazyLock<Result<Bytes, String>> =
    LazyLock::new(|| contract::document(&super::served()).map(Bytes::from).map_err(|error| error.to_string()));

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
    let text = app.metrics().text().map_err(|error| Problem::internal(error.to_string()))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

pub(super) async fn document() -> Answer {
    let document = DOCUMENT.as_ref().map_err(Problem::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], document.clone()).into_response())
}

fn json(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
