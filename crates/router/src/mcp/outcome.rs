//! What a server returned from a tool, as the outcome of its run.
//!
//! The data is, in this order: the structured content where that is an object; the object that a single text is the
//! JSON of, digit by digit; `{"result": …}` with structured content of another type; `{"text": …}` with a single text;
//! and `{"content": […]}` with the server's content items, images and resources among them. Beside structured content,
//! items that are not text, and so not a repetition of it, are kept under `content` too.

use composio_contract::{RawJson, Result};
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Map, Value};

use crate::source::{Listener, Outcome};

/// Reads a result of at most `limit` bytes.
pub(super) fn read(result: CallToolResult, limit: usize) -> Result<Outcome> {
    if result.is_error == Some(true) {
        return failed(result, limit);
    }
    let data = data(result)?;
    let size = data.as_str().len();
    if size > limit {
        return Ok(Outcome::failed(format!(
            "The tool ran, but its result of {size} bytes is larger than the limit of {limit} bytes. Ask for less, for \
             example with a filter, fewer fields or a smaller page."
        )));
    }
    Ok(Outcome::Completed(data))
}

/// Tells a listener the result as it came, if it is within the limit.
pub(super) fn tell(result: &CallToolResult, limit: usize, listener: &dyn Listener) -> Result<()> {
    let result = RawJson::encode(result)?;
    if result.as_str().len() <= limit {
        listener.answered(result);
    }
    Ok(())
}

fn failed(result: CallToolResult, limit: usize) -> Result<Outcome> {
    let mut error = texts(&result.content).collect::<Vec<_>>().join("\n");
    let has_more = result.structured_content.is_some() || result.content.len() > texts(&result.content).count();
    let data = if has_more { Some(data(result)?).filter(|data| data.as_str().len() <= limit) } else { None };
    if error.is_empty() {
        error = "The tool failed and gave no reason.".to_owned();
    }
    truncate(&mut error, limit);
    Ok(Outcome::Failed { error, data })
}

fn data(result: CallToolResult) -> Result<RawJson> {
    match result.structured_content {
        Some(Value::Object(mut structured)) => {
            let items: Vec<_> = result.content.iter().filter(|item| item.as_text().is_none()).collect();
            if !items.is_empty() && !structured.contains_key("content") {
                structured.insert("content".to_owned(), RawJson::encode(&items)?.decode("content")?);
            }
            RawJson::encode(&structured)
        }
        Some(other) => RawJson::encode(&Map::from_iter([("result".to_owned(), other)])),
        None => unstructured(&result.content),
    }
}

fn unstructured(content: &[ContentBlock]) -> Result<RawJson> {
    if let [ContentBlock::Text(only)] = content {
        // The text itself, not a value read from it: that would round long numbers.
        if let Ok(object) = RawJson::parse(only.text.clone())
            && object.is_object()
        {
            return Ok(object);
        }
        return RawJson::encode(&Map::from_iter([("text".to_owned(), Value::String(only.text.clone()))]));
    }
    RawJson::encode(&std::collections::BTreeMap::from([("content", content)]))
}

/// Cuts a text to at most `limit` bytes, between characters.
pub(super) fn truncate(text: &mut String, limit: usize) {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let end = ends.take_while(|end| *end <= limit).last().unwrap_or(0);
    text.truncate(end);
}

fn texts(content: &[ContentBlock]) -> impl Iterator<Item = &str> {
    content.iter().filter_map(|item| item.as_text().map(|text| text.text.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_json(result: Value, limit: usize) -> Outcome {
        read(serde_json::from_value(result).unwrap(), limit).unwrap()
    }

    fn completed(result: Value) -> String {
        match read_json(result, 10_000) {
            Outcome::Completed(data) => data.to_string(),
            Outcome::Failed { error, .. } => panic!("failed: {error}"),
        }
    }

    #[test]
    fn data_takes_the_shape_of_what_was_returned() {
        let text = |text: &str| json!({"type": "text", "text": text});
        let image = json!({"type": "image", "data": "aGk=", "mimeType": "image/png"});
        for (result, expected) in [
            (
                json!({"content": [text("x")], "structuredContent": {"a": 9_007_199_254_740_993_u64}}),
                r#"{"a":9007199254740993}"#.to_owned(),
            ),
            (json!({"content": [text("hello")]}), r#"{"text":"hello"}"#.to_owned()),
            (json!({"content": [text("[1]")]}), r#"{"text":"[1]"}"#.to_owned()),
            (
                json!({"content": [text(" {\"n\": 123456789012345678901234567890} ")]}),
                r#"{"n": 123456789012345678901234567890}"#.to_owned(),
            ),
            (json!({"content": [], "structuredContent": [1, 2]}), r#"{"result":[1,2]}"#.to_owned()),
            (json!({"content": []}), r#"{"content":[]}"#.to_owned()),
            (json!({"content": [text("a"), image]}), json!({"content": [text("a"), image]}).to_string()),
            (
                json!({"content": [image], "structuredContent": {"w": 1}}),
                json!({"w": 1, "content": [image]}).to_string(),
            ),
        ] {
            assert_eq!(completed(result), expected);
        }
    }

    #[test]
    fn an_error_result_is_a_failure_with_its_text() {
        let result = json!({"content": [{"type": "text", "text": "no such file"}], "isError": true});
        let Outcome::Failed { error, data: None } = read_json(result, 10_000) else { panic!() };
        assert_eq!(error, "no such file");

        let result = json!({"content": [], "structuredContent": {"code": 7}, "isError": true});
        let Outcome::Failed { error, data: Some(data) } = read_json(result, 10_000) else { panic!() };
        assert_eq!((error.as_str(), data.as_str()), ("The tool failed and gave no reason.", r#"{"code":7}"#));
    }

    #[test]
    fn the_limit_holds_for_results_and_reasons() {
        let result = json!({"content": [{"type": "text", "text": "é".repeat(100)}]});
        let Outcome::Failed { error, .. } = read_json(result.clone(), 210) else { panic!() };
        assert!(error.contains("211 bytes") && error.contains("210 bytes"), "{error}");
        assert!(matches!(read_json(result.clone(), 211), Outcome::Completed(_)));

        let mut result = result;
        result["isError"] = true.into();
        let Outcome::Failed { error, .. } = read_json(result, 11) else { panic!() };
        assert_eq!(error, "é".repeat(5));
    }
}
