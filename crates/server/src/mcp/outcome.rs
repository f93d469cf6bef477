//! How a call ended, as MCP says it.
//!
//! What a model can do something about is the result of the tool, marked as an error. Only what the protocol calls a
//! wrong request, and what nobody who calls can mend, is an error of the protocol: clients keep those from the model.

use composio_contract::{Error, ErrorKind, ExecuteReply, RawJson, Result, ResultType};
use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::Value;

/// What an MCP server answered, for the client as it came; none where the call ended otherwise all the same.
pub(super) fn of_server(result: &RawJson, reply: &ExecuteReply) -> Result<Option<CallToolResult>> {
    let mut result: CallToolResult = result.decode("the server's result")?;
    if result.is_error.unwrap_or(false) != has_failed(reply) {
        return Ok(None);
    }
    // Not every revision has it; the library leaves it out where the client's has not.
    result.result_type = Some(rmcp::model::ResultType::COMPLETE);
    if let Some(meta) = &mut result.meta {
        // The protocol's own entries speak of that server, and of its connection.
        meta.retain(|key, _| !key.starts_with("io.modelcontextprotocol/"));
    }
    result.meta = result.meta.filter(|meta| !meta.is_empty());
    Ok(Some(result))
}

fn has_failed(reply: &ExecuteReply) -> bool {
    reply.error.is_some() || reply.result_type.as_ref().is_some_and(|kind| *kind != ResultType::Completed)
}

/// The result of a call that ran or was refused by the tool or the user.
pub(super) fn of_reply(reply: &ExecuteReply) -> Result<CallToolResult> {
    let failed = has_failed(reply);
    let mut content = Vec::new();
    if failed {
        content.push(ContentBlock::text(reply.error.as_deref().unwrap_or("the tool failed and gave no reason")));
    }
    let mut structured = None;
    if let Some(data) = &reply.data {
        let value: Value = data.decode("the result")?;
        let is_empty = value.as_object().is_some_and(serde_json::Map::is_empty);
        if !failed || !is_empty {
            // The text as it came: it has every digit.
            content.push(ContentBlock::text(data.as_str()));
            structured = Some(value).filter(Value::is_object);
        }
    }
    let mut result = if failed { CallToolResult::error(content) } else { CallToolResult::success(content) };
    result.structured_content = structured;
    Ok(result)
}

/// A result that says why the call was not made or not answered.
pub(super) fn refused(message: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(message)])
}

/// What a call that could not be made is answered with.
pub(super) fn of_error(error: &Error) -> std::result::Result<CallToolResult, ErrorData> {
    match error.kind() {
        // A tool that is not there is one of them: the protocol has an error for it.
        ErrorKind::NotFound | ErrorKind::Closed | ErrorKind::Internal | ErrorKind::InternalServer => {
            Err(protocol_error(error))
        }
        _ => Ok(refused(said(error))),
    }
}

/// An error of the protocol.
pub(super) fn protocol_error(error: &Error) -> ErrorData {
    match error.kind() {
        ErrorKind::NotFound => ErrorData::invalid_params(said(error), None),
        ErrorKind::Closed => ErrorData::internal_error("the server is stopping", None),
        ErrorKind::Internal | ErrorKind::InternalServer => internal(error),
        _ => ErrorData::internal_error(said(error), None),
    }
}

fn internal(error: &Error) -> ErrorData {
    tracing::error!(%error, "an MCP request failed");
    ErrorData::internal_error("the server failed; its log says why", None)
}

fn said(error: &Error) -> String {
    match error.suggested_fix() {
        Some(fix) => format!("{}; {fix}", error.message()),
        None => error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn result(reply: Value) -> Value {
        serde_json::to_value(of_reply(&serde_json::from_value(reply).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn data_is_structured_and_its_text_keeps_every_digit() {
        let long = r#"{"n":123456789012345678901234567890}"#;
        let reply = format!(r#"{{"result_type":"completed","data":{long}}}"#);
        let result = of_reply(&serde_json::from_str(&reply).unwrap()).unwrap();
        assert_eq!(result.content[0].as_text().unwrap().text, long);
        assert!(result.structured_content.unwrap().is_object());
        let listed = self::result(json!({"result_type": "completed", "data": [1]}));
        assert_eq!(listed["content"][0]["text"], "[1]");
        assert!(listed.get("structuredContent").is_none(), "{listed}");
    }

    #[test]
    fn a_failure_says_why_first() {
        let failed = result(json!({"result_type": "failed", "data": {}, "error": "no such file"}));
        assert_eq!(failed["isError"], true);
        assert_eq!(failed["content"], json!([{"type": "text", "text": "no such file"}]));
        assert!(failed.get("structuredContent").is_none(), "{failed}");
        let failed = result(json!({"result_type": "failed", "data": {"code": 7}, "error": "no"}));
        assert_eq!(failed["structuredContent"], json!({"code": 7}));
        assert_eq!(failed["content"][1]["text"], r#"{"code":7}"#);
    }

    #[test]
    fn what_a_model_can_mend_is_a_result() {
        let error = Error::validation("the arguments are wrong").with_suggested_fix("mend them");
        let result = of_error(&error).unwrap();
        assert_eq!(result.content[0].as_text().unwrap().text, "the arguments are wrong; mend them");
        let error = of_error(&Error::new(ErrorKind::NotFound, "there is no such tool")).unwrap_err();
        assert_eq!(error.code, rmcp::model::ErrorCode::INVALID_PARAMS);
        let error = of_error(&Error::new(ErrorKind::Internal, "a secret of the server")).unwrap_err();
        assert!(!error.message.contains("secret"));
    }
}
