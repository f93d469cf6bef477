//! Where a JSON Schema marks files, and the way to them in a value.

use std::collections::HashSet;

use composio_contract::{RawJson, Result};
use indexmap::IndexMap;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// Marks what a tool takes as an uploaded file.
pub(crate) const UPLOADABLE: &str = "file_uploadable";
/// Marks what a tool returns as a file to download.
pub(crate) const DOWNLOADABLE: &str = "file_downloadable";

/// How many places one walk looks at. A schema that refers to itself from several alternatives could go on for ages.
const STEPS: usize = 100_000;
const ALTERNATIVES: [&str; 2] = ["anyOf", "oneOf"];

/// What becomes of a value that is marked.
#[derive(Debug)]
pub(crate) enum Change {
    /// It stays.
    Keep,
    /// It goes, with its name or its place in a list.
    Remove,
    /// Another value takes its place.
    Replace(RawJson),
}

/// A schema with marked places.
#[derive(Debug)]
pub(crate) struct FileSchema {
    root: Value,
    mark: &'static str,
    /// Where in the schema the value is described that a walk starts with.
    start: &'static str,
}

impl FileSchema {
    /// Reads a schema; none where nothing in it has the mark.
    pub(crate) fn read(schema: &RawJson, mark: &'static str) -> Option<Self> {
        // Most schemas have no file; looking for the word is cheaper than reading them.
        if !schema.as_str().contains(mark) {
            return None;
        }
        let root: Value = schema.decode("schema").ok()?;
        is_marked(&root, &root, mark, &mut HashSet::new()).then_some(Self { root, mark, start: "" })
    }

    /// The same schema for what lies in `data`, where it describes a whole answer with `data` and how it went.
    pub(crate) fn of_data(mut self) -> Self {
        let fields = self.root.get("properties").and_then(Value::as_object);
        let has = |name| fields.is_some_and(|fields| fields.contains_key(name));
        if has("data") && ["successful", "successfull", "error"].into_iter().any(has) {
            self.start = "/properties/data";
        }
        self
    }

    /// Shows `visit` each marked value and answers with the changed whole; none where nothing changed. Numbers and
    /// whatever else is not marked keep their text. The order is the same each time.
    pub(crate) fn walk(
        &self,
        value: &RawJson,
        visit: &mut dyn FnMut(&RawJson) -> Result<Change>,
    ) -> Result<Option<RawJson>> {
        let Some(start) = self.root.pointer(self.start) else { return Ok(None) };
        let mut walk = Walk { root: &self.root, mark: self.mark, visit, steps: STEPS };
        Ok(match walk.place(start, value, &[])? {
            Change::Replace(changed) => Some(changed),
            Change::Keep | Change::Remove => None,
        })
    }
}

/// A tool's input as a model sees it: where a file is marked, a text that names it. None where no file is.
pub(crate) fn for_model(schema: &RawJson) -> Option<RawJson> {
    if !schema.as_str().contains(UPLOADABLE) {
        return None;
    }
    let mut root: Value = schema.decode("schema").ok()?;
    simplify(&mut root).then(|| RawJson::from(root))
}

/// Replaces what is marked, in definitions too, so that references to it still hold.
fn simplify(schema: &mut Value) -> bool {
    let Value::Object(fields) = schema else { return false };
    if fields.get(UPLOADABLE) == Some(&Value::Bool(true)) {
        *schema = path_schema(fields);
        return true;
    }
    let mut changed = false;
    for name in ["properties", "patternProperties", "$defs", "definitions"] {
        let parts = fields.get_mut(name).and_then(Value::as_object_mut).into_iter();
        changed = parts.flat_map(Map::values_mut).fold(changed, |changed, part| simplify(part) || changed);
    }
    for name in ["anyOf", "oneOf", "allOf", "prefixItems", "items"] {
        let parts = fields.get_mut(name).and_then(Value::as_array_mut).into_iter();
        changed = parts.flatten().fold(changed, |changed, part| simplify(part) || changed);
    }
    for name in ["items", "additionalProperties"] {
        changed = fields.get_mut(name).is_some_and(simplify) || changed;
    }
    changed
}

fn path_schema(file: &Map<String, Value>) -> Value {
    let nullable = file.get("type").and_then(Value::as_array).is_some_and(|types| types.iter().any(|t| t == "null"));
    let about = file.get("description").and_then(Value::as_str).unwrap_or_default().trim().trim_end_matches('.');
    let mut path = Map::new();
    path.insert("type".to_owned(), if nullable { json!(["string", "null"]) } else { json!("string") });
    path.insert("format".to_owned(), json!("path"));
    if let Some(title) = file.get("title") {
        path.insert("title".to_owned(), title.clone());
    }
    let how = "The path of a local file, or a public URL.";
    let description = if about.is_empty() { how.to_owned() } else { format!("{about}. {how}") };
    path.insert("description".to_owned(), Value::String(description));
    path.insert(UPLOADABLE.to_owned(), Value::Bool(true));
    Value::Object(path)
}

fn target<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?;
    root.pointer(&pointer)
}

/// Whether a mark lies in a schema or in what it refers to.
fn is_marked<'a>(schema: &'a Value, root: &'a Value, mark: &str, seen: &mut HashSet<&'a str>) -> bool {
    let Some(fields) = schema.as_object() else { return false };
    if fields.get(mark) == Some(&Value::Bool(true)) {
        return true;
    }
    if let Some(reference) = fields.get("$ref").and_then(Value::as_str)
        && seen.insert(reference)
        && target(root, reference).is_some_and(|target| is_marked(target, root, mark, seen))
    {
        return true;
    }
    let named = fields.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let lists = ["anyOf", "oneOf", "allOf", "prefixItems", "items"];
    let listed = lists.iter().filter_map(|name| fields.get(*name)).filter_map(Value::as_array).flatten();
    let single = ["items", "additionalProperties"].iter().filter_map(|name| fields.get(*name));
    named.chain(listed).chain(single).any(|part| is_marked(part, root, mark, seen))
}

struct Walk<'a, 'v> {
    root: &'a Value,
    mark: &'a str,
    visit: &'v mut dyn FnMut(&RawJson) -> Result<Change>,
    steps: usize,
}

impl<'a> Walk<'a, '_> {
    /// `references` are those followed since the last step into the value; following one twice would never end.
    fn place(&mut self, schema: &'a Value, value: &RawJson, references: &[&'a str]) -> Result<Change> {
        let Some(fields) = schema.as_object() else { return Ok(Change::Keep) };
        let Some(steps) = self.steps.checked_sub(1) else { return Ok(Change::Keep) };
        self.steps = steps;
        if fields.get(self.mark) == Some(&Value::Bool(true)) {
            return (self.visit)(value);
        }
        let mut changed: Option<RawJson> = None;
        let referred = fields.get("$ref").and_then(Value::as_str).filter(|reference| !references.contains(reference));
        let referred = referred.and_then(|reference| Some((reference, target(self.root, reference)?)));
        let all = fields.get("allOf").and_then(Value::as_array).into_iter().flatten();
        let each = all.map(|part| (None, part)).chain(referred.map(|(reference, part)| (Some(reference), part)));
        for (reference, part) in each {
            let references: Vec<&str> = references.iter().copied().chain(reference).collect();
            match self.place(part, changed.as_ref().unwrap_or(value), &references)? {
                Change::Keep => {}
                Change::Remove => return Ok(Change::Remove),
                Change::Replace(new) => changed = Some(new),
            }
        }
        if let Some(new) = self.parts(fields, changed.as_ref().unwrap_or(value))? {
            changed = Some(new);
        }
        let lists = ALTERNATIVES.iter().filter_map(|name| fields.get(*name)).filter_map(Value::as_array);
        for alternatives in lists {
            for part in alternatives {
                match self.place(part, changed.as_ref().unwrap_or(value), references)? {
                    Change::Keep => {}
                    Change::Remove => return Ok(Change::Remove),
                    Change::Replace(new) => {
                        changed = Some(new);
                        // One alternative describes the value; the first that has a file for it is that one.
                        break;
                    }
                }
            }
        }
        Ok(changed.map_or(Change::Keep, Change::Replace))
    }

    /// The fields of an object, or the items of a list.
    fn parts(&mut self, schema: &'a Map<String, Value>, value: &RawJson) -> Result<Option<RawJson>> {
        if value.is_object() {
            let named = schema.get("properties").and_then(Value::as_object);
            let others = schema.get("additionalProperties").filter(|others| others.is_object());
            if named.is_none() && others.is_none() {
                return Ok(None);
            }
            let fields: IndexMap<String, RawJson> = value.decode("value")?;
            let mut kept: IndexMap<String, RawJson> = IndexMap::with_capacity(fields.len());
            let mut changed = false;
            for (name, field) in fields {
                let part = named.and_then(|named| named.get(&name)).or(others);
                let field = self.part(part, field, &mut changed)?;
                kept.extend(field.map(|field| (name, field)));
            }
            return changed.then(|| RawJson::encode(&kept)).transpose();
        }
        let list = |name| schema.get(name).and_then(Value::as_array);
        let first = list("prefixItems").or(list("items"));
        let rest = schema.get("items").filter(|items| items.is_object());
        if !value.as_str().starts_with('[') || (first.is_none() && rest.is_none()) {
            return Ok(None);
        }
        let items: Vec<RawJson> = value.decode("value")?;
        let mut kept: Vec<RawJson> = Vec::with_capacity(items.len());
        let mut changed = false;
        for (index, item) in items.into_iter().enumerate() {
            let part = first.and_then(|first| first.get(index)).or(rest);
            kept.extend(self.part(part, item, &mut changed)?);
        }
        changed.then(|| RawJson::encode(&kept)).transpose()
    }

    fn part(&mut self, schema: Option<&'a Value>, value: RawJson, changed: &mut bool) -> Result<Option<RawJson>> {
        let Some(schema) = schema else { return Ok(Some(value)) };
        let change = self.place(schema, &value, &[])?;
        *changed |= !matches!(change, Change::Keep);
        Ok(match change {
            Change::Keep => Some(value),
            Change::Remove => None,
            Change::Replace(new) => Some(new),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(value: Value) -> RawJson {
        RawJson::from(value)
    }

    /// Puts `{"s3key": n}` where a text is marked, takes an empty text away.
    fn staged(schema: Value, value: &str) -> Option<String> {
        let mut count = 0;
        let mut visit = |leaf: &RawJson| {
            Ok(match leaf.as_str() {
                "\"\"" => Change::Remove,
                text if text.starts_with('"') => {
                    count += 1;
                    Change::Replace(raw(json!({"s3key": count})))
                }
                _ => Change::Keep,
            })
        };
        let schema = FileSchema::read(&raw(schema), UPLOADABLE)?;
        let value = RawJson::parse(value.to_owned()).unwrap();
        schema.walk(&value, &mut visit).unwrap().map(|changed| changed.as_str().to_owned())
    }

    fn file() -> Value {
        json!({"type": "object", "file_uploadable": true, "properties": {"s3key": {"type": "string"}}})
    }

    #[test]
    fn what_is_not_marked_keeps_its_text() {
        let schema = json!({"type": "object", "properties": {"a": file(), "b": {"type": "object"}}});
        let staged = staged(schema, r#"{"b": {"n": 9007199254740993.0, "m": 1e400}, "a": "x"}"#).unwrap();
        assert_eq!(staged, r#"{"b":{"n": 9007199254740993.0, "m": 1e400},"a":{"s3key":1}}"#);
    }

    #[test]
    fn files_lie_in_objects_lists_alternatives_and_definitions() {
        let either = json!({"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/File"}}, {"$ref": "#/$defs/File"}]});
        let schema = json!({"properties": {"in": {"properties": {"deep": either}}}, "$defs": {"File": file()}});
        assert_eq!(staged(schema.clone(), r#"{"in":{"deep":"x"}}"#).unwrap(), r#"{"in":{"deep":{"s3key":1}}}"#);
        assert_eq!(
            staged(schema.clone(), r#"{"in":{"deep":["x","","y"]}}"#).unwrap(),
            r#"{"in":{"deep":[{"s3key":1},{"s3key":2}]}}"#
        );
        assert_eq!(staged(schema, r#"{"in":{"deep":{"s3key":"k"}}}"#), None);
        let map = json!({"type": "object", "additionalProperties": {"allOf": [file()]}});
        assert_eq!(staged(map, r#"{"a":"x"}"#).unwrap(), r#"{"a":{"s3key":1}}"#);
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let node = json!({"$ref": "#/$defs/Node"});
        let schema = json!({"$ref": "#/$defs/Node", "$defs": {"Node": {
            "anyOf": [node, {"properties": {"file": file(), "left": node, "right": node}}]
        }}});
        let staged = staged(schema, r#"{"left":{"left":{"file":"x"}}}"#);
        assert_eq!(staged.unwrap(), r#"{"left":{"left":{"file":{"s3key":1}}}}"#);
        let deep = json!({"anyOf": [node, node], "$defs": {"Node": {"properties": {"a": {"anyOf": [node, node]}}}}});
        assert!(FileSchema::read(&raw(deep), UPLOADABLE).is_none());
    }

    #[test]
    fn a_model_sees_a_text_in_place_of_a_file() {
        let schema = json!({"properties": {"f": {"$ref": "#/$defs/F"}, "n": {"type": "integer"}}, "$defs": {"F": {
            "type": ["object", "null"], "title": "F", "description": "The file.", "file_uploadable": true
        }}});
        let shown: Value = for_model(&raw(schema)).unwrap().decode("schema").unwrap();
        assert_eq!(
            shown,
            json!({"properties": {"f": {"$ref": "#/$defs/F"}, "n": {"type": "integer"}}, "$defs": {"F": {
                "type": ["string", "null"], "format": "path", "title": "F", "file_uploadable": true,
                "description": "The file. The path of a local file, or a public URL."
            }}})
        );
        assert!(for_model(&raw(json!({"properties": {"file_uploadable": {"type": "string"}}}))).is_none());
    }

    #[test]
    fn a_schema_may_describe_the_answer_or_its_data() {
        let file = json!({"type": "object", "file_downloadable": true});
        let find = |schema: Value| {
            let schema = FileSchema::read(&raw(schema), DOWNLOADABLE).unwrap().of_data();
            schema.walk(&raw(json!({"file": 1})), &mut |_| Ok(Change::Replace(raw(json!(2))))).unwrap().is_some()
        };
        let data = json!({"type": "object", "properties": {"file": file}});
        assert!(find(data.clone()));
        assert!(find(json!({"properties": {"data": data, "successful": {"type": "boolean"}}})));
        assert!(find(json!({"properties": {"data": file, "file": file}})));
    }
}
