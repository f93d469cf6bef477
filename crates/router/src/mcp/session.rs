//! An HTTP client that takes an error without an id for the answer to the request it was sent in reply to.
//!
//! Servers refuse a request before they look at its id, such as one in a session that they have forgotten. The protocol
//! library drops errors that name no request, so that the caller would wait until its time is over.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use reqwest::Client;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rmcp::model::{
    CallToolRequestParams, ClientJsonRpcMessage, ClientRequest, JsonRpcMessage, RequestId, RequestParamsMeta as _,
    ServerJsonRpcMessage,
};
use rmcp::transport::common::client_side_sse::BoxedSseResponse;
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse, StreamableHttpResponseLimits,
};

type Headers = HashMap<HeaderName, HeaderValue>;
type Result<T> = std::result::Result<T, StreamableHttpError<reqwest::Error>>;

/// What signs the requests of one account, replaced when it is renewed; nothing for a server that all users share.
#[derive(Clone, Default)]
pub(super) struct Authorization(Arc<RwLock<Option<(HeaderName, HeaderValue)>>>);

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization")
    }
}

impl Authorization {
    pub(super) fn set(&self, header: (HeaderName, HeaderValue)) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(header);
    }

    fn sign(&self, mut headers: Headers) -> Headers {
        headers.extend(self.0.read().unwrap_or_else(PoisonError::into_inner).clone());
        headers
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct SessionClient {
    pub(super) client: Client,
    pub(super) authorization: Authorization,
}

impl StreamableHttpClient for SessionClient {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<StreamableHttpPostResponse> {
        let request = request_id(&message);
        let in_session = session_id.is_some();
        let custom_headers = self.authorization.sign(traced(&message, custom_headers));
        let reply = self.client.post_message(uri, message, session_id, auth_header, custom_headers).await?;
        address(reply, request, in_session)
    }

    async fn post_message_with_response_limits(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: Headers,
        limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse> {
        let request = request_id(&message);
        let in_session = session_id.is_some();
        let custom_headers = self.authorization.sign(traced(&message, custom_headers));
        let reply = self
            .client
            .post_message_with_response_limits(uri, message, session_id, auth_header, custom_headers, limits)
            .await?;
        address(reply, request, in_session)
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<()> {
        self.client.delete_session(uri, session_id, auth_header, self.authorization.sign(custom_headers)).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<BoxedSseResponse> {
        let custom_headers = self.authorization.sign(custom_headers);
        self.client.get_stream(uri, session_id, last_event_id, auth_header, custom_headers).await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: Headers,
        max_sse_event_size: usize,
    ) -> Result<BoxedSseResponse> {
        let custom_headers = self.authorization.sign(custom_headers);
        self.client
            .get_stream_with_max_sse_event_size(
                uri,
                session_id,
                last_event_id,
                auth_header,
                custom_headers,
                max_sse_event_size,
            )
            .await
    }
}

/// The headers of the W3C, which are fields of a message's metadata too.
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// Tells a server which trace a call belongs to.
pub(super) fn tell_trace(params: &mut CallToolRequestParams) {
    let mut headers = HeaderMap::new();
    composio_egress::propagate(&mut headers);
    let text =
        |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
    if let Some(parent) = text(TRACE_PARENT) {
        params.set_traceparent(parent);
        if let Some(state) = text(TRACE_STATE) {
            params.set_tracestate(state);
        }
    }
}

/// Puts what the message says of its trace on its HTTP request too, where proxies see it. The message goes out on another
/// task than the call's, which has no span.
fn traced(message: &ClientJsonRpcMessage, mut headers: Headers) -> Headers {
    if let JsonRpcMessage::Request(request) = message
        && let ClientRequest::CallToolRequest(call) = &request.request
    {
        for (name, text) in [(TRACE_PARENT, call.params.traceparent()), (TRACE_STATE, call.params.tracestate())] {
            if let Some(value) = text.and_then(|text| HeaderValue::from_str(text).ok()) {
                headers.insert(name, value);
            }
        }
    }
    headers
}

fn request_id(message: &ClientJsonRpcMessage) -> Option<RequestId> {
    match message {
        JsonRpcMessage::Request(request) => Some(request.id.clone()),
        _ => None,
    }
}

/// Puts the request's id on an error that has none. One that speaks of the session means that the server, having
/// started anew, does not know it: the library then begins another and sends the request again, which was refused and so
/// not carried out.
fn address(
    mut reply: StreamableHttpPostResponse,
    request: Option<RequestId>,
    in_session: bool,
) -> Result<StreamableHttpPostResponse> {
    if let StreamableHttpPostResponse::Json(ServerJsonRpcMessage::Error(error), _) = &mut reply
        && error.id.is_none()
    {
        if in_session && error.error.message.to_ascii_lowercase().contains("session") {
            return Err(StreamableHttpError::SessionExpired);
        }
        error.id = request;
    }
    Ok(reply)
}
