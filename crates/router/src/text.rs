//! Texts of others, such as the names and descriptions that an MCP server gives its tools, before a model or a person
//! reads them.
//!
//! What a reader does not see may still command it: a terminal obeys escape sequences, and a model reads tag characters
//! and text that is displayed in another order. Such characters are dropped, and what is long is cut.

use std::io;

use serde_json::Value;

/// How many characters of a name or title are kept.
pub(crate) const MAX_NAME: usize = 128;

/// How many characters of a description are kept.
pub const MAX_DESCRIPTION: usize = 4_000;

/// How large a schema may be, as JSON text.
pub(crate) const MAX_SCHEMA: usize = 64 * 1024;

/// How deeply a schema may be nested. Readers of JSON often stop at 128, and a list wraps the schema a few times.
pub(crate) const MAX_SCHEMA_DEPTH: usize = 100;

/// What the members of an object with these names hold is data, not a schema.
const DATA: [&str; 5] = ["const", "default", "enum", "example", "examples"];

/// Of those, what says nothing about which arguments are right.
const SAMPLES: [&str; 3] = ["default", "example", "examples"];

/// The members of a schema that are texts for people.
const TEXTS: [&str; 3] = ["description", "title", "$comment"];

/// What the members of an object with these names hold is schemas by names of somebody's choice.
const NAMED: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];

/// Whether a character is not seen, or changes how those around it are: control characters other than newline and tab,
/// bidirectional marks, overrides and isolates, tag characters, variation selectors that encode bytes, and what has no width.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{AD}'
        | '\u{34F}'
        | '\u{61C}'
        | '\u{115F}'
        | '\u{1160}'
        | '\u{17B4}'
        | '\u{17B5}'
        | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}'
        | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFB}'
        | '\u{13430}'..='\u{1345F}'
        | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}' => true,
        c => c.is_control(),
    }
}

/// Whether a hidden character has no use in a name or a value that must stay as it is, as those in emoji, Persian words and
/// patterns of control characters have.
fn is_covert(c: char) -> bool {
    is_hidden(c) && !c.is_control() && !matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}')
}

/// A name or title: on one line, without hidden characters, and at most 128 characters long.
#[must_use]
pub fn name(text: &str) -> String {
    let text = text.replace(['\n', '\t'], " ");
    prose(text.trim(), MAX_NAME)
}

/// A text of several lines without hidden characters, and at most `max` characters long.
#[must_use]
pub fn prose(text: &str, max: usize) -> String {
    let mut seen = text.chars().filter(|c| !is_hidden(*c));
    let mut clean: String = seen.by_ref().take(max).collect();
    if seen.next().is_some() {
        clean.pop();
        clean.push('…');
    }
    clean
}

/// A schema with clean descriptions, or why it cannot be taken: names and values with hidden characters can be neither shown
/// nor changed. A schema that is too large is tried without its descriptions.
pub(crate) fn schema(mut schema: Value) -> Result<Value, String> {
    if is_deeper(&schema, MAX_SCHEMA_DEPTH) {
        return Err(format!("is nested more than {MAX_SCHEMA_DEPTH} levels deep"));
    }
    clean(&mut schema)?;
    if json_size(&schema) > MAX_SCHEMA {
        describe(&mut schema, &|_| None);
    }
    match json_size(&schema) {
        size if size > MAX_SCHEMA => {
            Err(format!("has {size} bytes without its descriptions, more than the limit of {MAX_SCHEMA} bytes"))
        }
        _ => Ok(schema),
    }
}

/// Cleans the descriptions and samples of a schema, or says why it cannot be shown.
pub(crate) fn clean(schema: &mut Value) -> Result<(), String> {
    describe(schema, &|text| Some(prose(text, MAX_DESCRIPTION)));
    match covert(schema) {
        Some(text) => Err(format!("has hidden characters in the name or value {:?}", prose(text, MAX_NAME))),
        None => Ok(()),
    }
}

/// Changes or removes the texts for people in a schema.
fn describe(schema: &mut Value, change: &impl Fn(&str) -> Option<String>) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| describe(item, change)),
        Value::Object(members) => {
            members.retain(|name, value| match value {
                Value::String(text) if TEXTS.contains(&name.as_str()) => {
                    let changed = change(text);
                    changed.map(|changed| *text = changed).is_some()
                }
                _ => true,
            });
            for (name, value) in members {
                match value {
                    Value::Object(named) if NAMED.contains(&name.as_str()) => {
                        named.values_mut().for_each(|schema| describe(schema, change));
                    }
                    sample if SAMPLES.contains(&name.as_str()) => drop_covert(sample),
                    _ if DATA.contains(&name.as_str()) => {}
                    value => describe(value, change),
                }
            }
        }
        _ => {}
    }
}

/// Drops characters from the texts in a value, but not from the names in it.
fn drop_covert(value: &mut Value) {
    match value {
        Value::String(text) => text.retain(|c| !is_covert(c)),
        Value::Array(items) => items.iter_mut().for_each(drop_covert),
        Value::Object(members) => members.values_mut().for_each(drop_covert),
        _ => {}
    }
}

/// A text in a value, or the name of a member, that has a covert character.
fn covert(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => text.contains(is_covert).then_some(text),
        Value::Array(items) => items.iter().find_map(covert),
        Value::Object(members) => members
            .iter()
            .find_map(|(name, value)| if name.contains(is_covert) { Some(name.as_str()) } else { covert(value) }),
        _ => None,
    }
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    let mut values: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(members) => Box::new(members.values()),
        _ => return false,
    };
    levels == 0 || values.any(|value| is_deeper(value, levels - 1))
}

/// How many bytes a value has as JSON text, which is not made for it.
pub(crate) fn json_size(value: &impl serde::Serialize) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.saturating_add(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // What cannot be written counts as too large.
    serde_json::to_writer(&mut count, value).map_or(usize::MAX, |()| count.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_seen_is_dropped_and_what_is_seen_stays() {
        let hidden = "\u{0}\u{1b}\u{7f}\u{9b}\u{ad}\u{61c}\u{200b}\u{200d}\u{200f}\u{202e}\u{2066}\u{2060}\u{feff}\u{e0041}\u{e007f}\u{e0100}\r";
        assert_eq!(prose(&format!("a{hidden}b\n\tc"), 100), "ab\n\tc");
        assert_eq!(name(&format!(" a{hidden}b\n\tc\n")), "ab  c");
        let seen = "Zoë 日本 👋 שלום ‒ “x”";
        assert_eq!(prose(seen, 100), seen);
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(prose("éééé", 4), "éééé");
        assert_eq!(prose("ééééé", 4), "ééé…");
        assert_eq!(name(&"x".repeat(1_000)).chars().count(), MAX_NAME);
        // Hidden characters take no room.
        assert_eq!(prose(&format!("{}ab", "\u{200b}".repeat(100)), 2), "ab");
    }

    #[test]
    fn descriptions_and_samples_in_a_schema_are_cleaned_and_values_are_not() {
        let given = json!({
            "description": "a\u{202e}b", "default": {"description": "x\u{202e}"}, "enum": ["\r", "❤\u{fe0f}"],
            "properties": {"description": {"type": "string", "description": "\u{e0041}c"}, "enum": {"title": "\u{0}t"}},
            "anyOf": [{"description": "\u{200b}d"}],
        });
        let expected = json!({
            "description": "ab", "default": {"description": "x"}, "enum": ["\r", "❤\u{fe0f}"],
            "properties": {"description": {"type": "string", "description": "c"}, "enum": {"title": "t"}},
            "anyOf": [{"description": "d"}],
        });
        assert_eq!(schema(given).unwrap(), expected);
    }

    #[test]
    fn a_schema_with_hidden_characters_in_what_must_stay_is_refused() {
        for hidden in ["\u{202e}", "\u{e0041}", "\u{200b}", "\u{2066}"] {
            let name = format!("pa{hidden}th");
            for given in [
                json!({"properties": {&name: {"type": "string"}}}),
                json!({"properties": {"path": {"enum": ["a", &name]}}}),
                json!({"anyOf": [{"const": {"x": [&name]}}]}),
                json!({"properties": {"path": {"pattern": &name}}}),
                json!({"default": {&name: 1}}),
                json!({"properties": {"path": {"x-note": &name}}}),
            ] {
                let error = schema(given.clone()).unwrap_err();
                assert_eq!(error, "has hidden characters in the name or value \"path\"", "{given}");
            }
        }
    }

    #[test]
    fn a_large_schema_loses_its_descriptions_first() {
        let described = |many: usize, text: &str| {
            let properties = (0..many).map(|n| (format!("p{n}"), json!({"type": "string", "description": text})));
            json!({"type": "object", "properties": properties.collect::<serde_json::Map<_, _>>()})
        };
        let cut = schema(described(100, &"x".repeat(3_000))).unwrap();
        assert_eq!(cut["properties"]["p99"], json!({"type": "string"}));
        let kept = schema(described(10, "short")).unwrap();
        assert_eq!(kept["properties"]["p9"]["description"], "short");
        let error = schema(described(5_000, "x")).unwrap_err();
        assert!(error.contains("limit of 65536 bytes"), "{error}");
    }

    #[test]
    fn a_schema_that_is_too_deep_is_refused() {
        let nested = |levels| (0..levels).fold(json!({}), |inner, _| json!({"items": inner}));
        assert!(schema(nested(MAX_SCHEMA_DEPTH - 1)).is_ok());
        assert!(schema(nested(MAX_SCHEMA_DEPTH + 1)).unwrap_err().contains("nested"));
    }
}
