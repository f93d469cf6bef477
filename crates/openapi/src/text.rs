//! From the text of a document to JSON, and the escapes of JSON pointers.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::Refused;
use crate::document::MAX_BYTES;

/// How many values a YAML document may have, aliases counted as what they stand for.
const MAX_YAML_NODES: usize = 5_000_000;
/// How deep a YAML document may be nested. Its reader calls itself for each level, on a stack that may be small.
const MAX_YAML_DEPTH: usize = 64;

/// The document as JSON.
pub(crate) fn to_json(text: &str) -> Result<Cow<'_, str>, Refused> {
    if text.len() > MAX_BYTES {
        return Err(Refused::new(format!("it has {} bytes; at most {MAX_BYTES} are read", text.len())));
    }
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('{') {
        // YAML may begin so, too.
        let json = match serde_json::from_str::<&serde_json::value::RawValue>(text) {
            Ok(_) => return Ok(Cow::Borrowed(text)),
            Err(error) => error,
        };
        return yaml(text).map_err(|_| Refused::new(format!("it is no JSON: {json}")));
    }
    yaml(text).map_err(|error| error.at("it is no YAML"))
}

fn yaml(text: &str) -> Result<Cow<'static, str>, Refused> {
    let mut options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        strict_booleans: true,
        with_snippet: false,
    };
    if let Some(budget) = &mut options.budget {
        budget.max_events = MAX_YAML_NODES * 4;
        budget.max_nodes = MAX_YAML_NODES;
        budget.max_depth = MAX_YAML_DEPTH;
    }
    let value: Value =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| Refused::new(error.to_string()))?;
    if !value.is_object() {
        return Err(Refused::new("it holds no mapping"));
    }
    Ok(Cow::Owned(value.to_string()))
}

/// A name as one token of a JSON pointer.
pub(crate) fn escape(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) { Cow::Owned(name.replace('~', "~0").replace('/', "~1")) } else { Cow::Borrowed(name) }
}

/// The name that a token of a JSON pointer in a `$ref` means.
pub(crate) fn unescape(token: &str) -> Cow<'_, str> {
    let decoded = percent_decode_str(token).decode_utf8().unwrap_or(Cow::Borrowed(token));
    if decoded.contains('~') { Cow::Owned(decoded.replace("~1", "/").replace("~0", "~")) } else { decoded }
}

/// At most `limit` characters, cut after a word.
#[must_use]
pub fn shorten(text: &str, limit: usize) -> String {
    let text = text.trim();
    let Some((at, _)) = text.char_indices().nth(limit) else { return text.to_owned() };
    let cut = text.get(..at).unwrap_or(text);
    let cut = cut.rsplit_once(char::is_whitespace).map_or(cut, |(before, _)| before);
    format!("{}…", cut.trim_end())
}
