//! Answers that mean something without being what the protocol asks for, put right before the protocol library reads them.

use rmcp::model::{
    CallToolResult, ClientRequest, ErrorCode, ErrorData, JsonRpcMessage, RequestId, ServerJsonRpcMessage, ServerResult,
};
use rmcp::service::{RoleClient, RxJsonRpcMessage, TxJsonRpcMessage};
use serde::Deserialize as _;
use serde_json::{Value, json};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Repair {
    /// The request that asks whether the server is of the stateless revision.
    discovery: Option<RequestId>,
}

impl Repair {
    pub(super) fn on_sent(&mut self, message: &TxJsonRpcMessage<RoleClient>) {
        if let JsonRpcMessage::Request(request) = message
            && matches!(request.request, ClientRequest::DiscoverRequest(_))
        {
            self.discovery = Some(request.id.clone());
        }
    }

    pub(super) fn on_received(&mut self, message: &mut RxJsonRpcMessage<RoleClient>) {
        let JsonRpcMessage::Response(response) = message else { return };
        if self.discovery.as_ref() == Some(&response.id) {
            self.discovery = None;
            // A server that answers what it does not know with any result does not know this.
            if !matches!(response.result, ServerResult::DiscoverResult(_)) {
                let unknown = ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "server/discover is not known", None);
                *message = ServerJsonRpcMessage::error(unknown, Some(response.id.clone()));
            }
        } else if let ServerResult::CustomResult(result) = &mut response.result
            && let Some(result) = call_result(&mut result.0)
        {
            response.result = ServerResult::CallToolResult(result);
        }
    }
}

/// The result of a call whose content is no list of content items.
fn call_result(result: &mut Value) -> Option<CallToolResult> {
    let content = result.get_mut("content")?;
    let items = match content.take() {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        item => vec![item],
    };
    *content = items.into_iter().map(item).collect();
    let members = result.as_object_mut()?;
    if members.get("isError").is_some_and(|is_error| !is_error.is_boolean()) {
        members.remove("isError");
    }
    if members.get("_meta").is_some_and(|meta| !meta.is_object()) {
        members.remove("_meta");
    }
    CallToolResult::deserialize(&*result).ok()
}

/// A content item as it is, or else its text.
fn item(value: Value) -> Value {
    let text = match value {
        Value::String(text) => text,
        value if serde_json::from_value::<rmcp::model::ContentBlock>(value.clone()).is_ok() => return value,
        value => value.to_string(),
    };
    json!({"type": "text", "text": text})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repaired(result: Value) -> Value {
        serde_json::to_value(call_result(&mut result.clone()).unwrap()).unwrap()["content"].take()
    }

    #[test]
    fn content_that_is_no_list_of_items_is_text() {
        let text = |text: &str| json!({"type": "text", "text": text});
        assert_eq!(repaired(json!({"content": "plain"})), json!([text("plain")]));
        assert_eq!(repaired(json!({"content": ["a", 7, text("b")]})), json!([text("a"), text("7"), text("b")]));
        assert_eq!(repaired(json!({"content": {"a": 1}})), json!([text(r#"{"a":1}"#)]));
        assert_eq!(repaired(json!({"content": "plain", "isError": "no"})), json!([text("plain")]));
        assert!(call_result(&mut json!({"contents": []})).is_none());
    }
}
