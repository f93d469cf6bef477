//! From the schemas of a document to JSON Schema 2020-12 that stands alone.
//!
//! A small schema without references takes the place of the reference to it; all others become definitions in `$defs`, so
//! that recursion ends by itself. What only one place refers to is put there in the end. Beyond a bound on their size,
//! definitions accept anything: the argument is still there, and what it holds reaches the API as it is.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::{Map, Value, json};

use crate::document::{Dialect, Document};
use crate::text::{shorten, unescape};
use crate::{Refused, refs};

/// How deep schemas may be nested in each other.
const MAX_DEPTH: usize = 60;
/// A schema up to this size, in bytes, without references, takes the place of a reference.
const INLINE_BYTES: usize = 600;
/// The longest description of a property, in characters.
const MAX_DESCRIPTION: usize = 600;
/// The largest example or default that is kept, in bytes.
const MAX_EXAMPLE: usize = 1_000;

/// Who writes what the schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The caller: what is read-only is left out.
    Request,
    /// The API: what is write-only is left out.
    Response,
}

/// Converts schemas which share their definitions.
pub(crate) struct Builder<'d> {
    document: &'d Document,
    side: Side,
    /// How many bytes of definitions are taken in, as the document writes them.
    budget: usize,
    /// The name of a definition by its reference.
    names: HashMap<String, String>,
    taken: HashSet<String>,
    /// How many definitions would have the same name, by that name.
    namesakes: HashMap<String, usize>,
    waiting: VecDeque<(String, String)>,
    definitions: Map<String, Value>,
}

impl<'d> Builder<'d> {
    pub(crate) fn new(document: &'d Document, side: Side, budget: usize) -> Self {
        Self {
            document,
            side,
            budget,
            names: HashMap::new(),
            taken: HashSet::new(),
            namesakes: HashMap::new(),
            waiting: VecDeque::new(),
            definitions: Map::new(),
        }
    }

    /// A schema; what it refers to is kept for [`Builder::finish`].
    pub(crate) fn convert(&mut self, schema: &Value) -> Result<Value, Refused> {
        self.schema(schema, 0)
    }

    /// The whole schema, with the definitions that it needs.
    pub(crate) fn finish(mut self, mut root: Value) -> Result<Value, Refused> {
        while let Some((reference, name)) = self.waiting.pop_front() {
            let text = self.document.locate(&reference)?;
            let schema = match self.budget.checked_sub(text.len()) {
                Some(left) => {
                    self.budget = left;
                    let value = self.document.read(text).map_err(|error| error.at(&reference))?;
                    self.schema(&value, 0).map_err(|error| error.at(&reference))?
                }
                None => {
                    self.budget = 0;
                    json!({"description": "Any value; its schema is too large to be told here."})
                }
            };
            self.definitions.insert(name, schema);
        }
        let mut uses = HashMap::new();
        count(&root, &mut uses);
        self.definitions.values().for_each(|schema| count(schema, &mut uses));
        let inlined = Inlined { uses: &uses, definitions: &self.definitions };
        inlined.put(&mut root, 0);
        let mut kept = Map::new();
        let mut needed = Vec::new();
        names(&root, &mut needed);
        while let Some(name) = needed.pop() {
            let Some(mut schema) = self.definitions.get(&name).filter(|_| !kept.contains_key(&name)).cloned() else {
                continue;
            };
            inlined.put(&mut schema, 0);
            names(&schema, &mut needed);
            kept.insert(name, schema);
        }
        kept.sort_keys();
        if let Value::Object(root) = &mut root
            && !kept.is_empty()
        {
            root.insert("$defs".to_owned(), Value::Object(kept));
        }
        Ok(root)
    }

    fn schema(&mut self, schema: &Value, depth: usize) -> Result<Value, Refused> {
        if depth > MAX_DEPTH {
            return Err(Refused::new(format!("its schemas are nested deeper than {MAX_DEPTH} levels")));
        }
        let from = match schema {
            Value::Object(from) => from,
            Value::Bool(accepts) => return Ok(Value::Bool(*accepts)),
            _ => return Ok(json!({})),
        };
        if let Some(reference) = from.get("$ref").and_then(Value::as_str) {
            return self.reference(reference, from, depth);
        }
        let mut to = Map::new();
        self.structure(from, &mut to, depth)?;
        values(from, &mut to);
        annotations(from, &mut to);
        if nullable(from) {
            return Ok(or_null(to));
        }
        Ok(unwrap_single(to))
    }

    /// A reference. Up to 3.0 nothing beside it has a meaning, though many documents describe it all the same.
    fn reference(&mut self, reference: &str, beside: &Map<String, Value>, depth: usize) -> Result<Value, Refused> {
        let text = self.document.locate(reference)?;
        let mut to = Map::new();
        if text.len() <= INLINE_BYTES && !text.contains("\"$ref\"") {
            let target = self.document.read(text).map_err(|error| error.at(reference))?;
            match self.schema(&target, depth + 1)? {
                Value::Object(target) => to = target,
                other => return Ok(other),
            }
        } else {
            self.refuse_circle(reference)?;
            let name = self.definition(reference);
            to.insert("$ref".to_owned(), Value::String(format!("#/$defs/{name}")));
        }
        annotations(beside, &mut to);
        if self.document.dialect == Dialect::V31 {
            let mut more = Map::new();
            let beside: Map<String, Value> = beside
                .iter()
                .filter(|(name, _)| *name != "$ref")
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            self.structure(&beside, &mut more, depth)?;
            values(&beside, &mut more);
            if more.keys().any(|name| to.contains_key(name)) {
                return Ok(json!({"allOf": [to, more]}));
            }
            to.extend(more);
        }
        if nullable(beside) { Ok(or_null(to)) } else { Ok(Value::Object(to)) }
    }

    /// A schema that is nothing but a reference to itself describes nothing.
    fn refuse_circle(&self, start: &str) -> Result<(), Refused> {
        let mut reference = start.to_owned();
        for _ in 0..refs::MAX_HOPS {
            let text = self.document.locate(&reference)?;
            if text.len() > INLINE_BYTES {
                return Ok(());
            }
            match refs::reference(&self.document.read(text)?) {
                Some(next) => reference = next.to_owned(),
                None => return Ok(()),
            }
        }
        Err(Refused::new(format!(
            "the reference `{start}` goes in a circle, or through more than {} others",
            refs::MAX_HOPS
        )))
    }

    /// The name of a definition, which is converted later.
    fn definition(&mut self, reference: &str) -> String {
        if let Some(name) = self.names.get(reference) {
            return name.clone();
        }
        let last = unescape(reference.rsplit('/').next().unwrap_or_default()).into_owned();
        let safe: String = last
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' })
            .collect();
        let place = self.namesakes.entry(safe.clone()).or_default();
        let name = loop {
            *place += 1;
            let name = if *place == 1 { safe.clone() } else { format!("{safe}_{place}") };
            // A name with a number may be another's own.
            if self.taken.insert(name.clone()) {
                break name;
            }
        };
        self.names.insert(reference.to_owned(), name.clone());
        self.waiting.push_back((reference.to_owned(), name.clone()));
        name
    }

    /// The keywords that hold schemas.
    fn structure(
        &mut self,
        from: &Map<String, Value>,
        to: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), Refused> {
        let types = types(from);
        if !types.is_empty() {
            to.insert("type".to_owned(), if let [one] = types.as_slice() { json!(one) } else { json!(types) });
        }
        let mut hidden = Vec::new();
        if let Some(properties) = from.get("properties").and_then(Value::as_object) {
            let mut kept = Map::new();
            for (name, property) in properties {
                if self.hides(property) {
                    hidden.push(name.as_str());
                    continue;
                }
                kept.insert(name.clone(), self.schema(property, depth + 1).map_err(|error| error.at(name))?);
            }
            to.insert("properties".to_owned(), Value::Object(kept));
        }
        let required = required(from, &hidden);
        if !required.is_empty() {
            to.insert("required".to_owned(), json!(required));
        }
        for name in ["items", "additionalProperties", "contains", "not", "propertyNames", "if", "then", "else"] {
            match from.get(name) {
                Some(schema @ (Value::Object(_) | Value::Bool(_))) => {
                    to.insert(name.to_owned(), self.schema(schema, depth + 1)?);
                }
                Some(Value::Array(items)) if name == "items" && !items.is_empty() => {
                    let items = self.list(items, depth)?;
                    to.insert("prefixItems".to_owned(), Value::Array(items));
                }
                _ => {}
            }
        }
        for name in ["allOf", "anyOf", "oneOf", "prefixItems"] {
            if let Some(parts) = from.get(name).and_then(Value::as_array).filter(|parts| !parts.is_empty()) {
                let parts = self.list(parts, depth)?;
                to.insert(name.to_owned(), Value::Array(parts));
            }
        }
        for name in ["patternProperties", "dependentSchemas"] {
            if let Some(schemas) = from.get(name).and_then(Value::as_object) {
                let mut kept = Map::new();
                for (key, schema) in schemas {
                    kept.insert(key.clone(), self.schema(schema, depth + 1)?);
                }
                to.insert(name.to_owned(), Value::Object(kept));
            }
        }
        Ok(())
    }

    fn list(&mut self, schemas: &[Value], depth: usize) -> Result<Vec<Value>, Refused> {
        schemas.iter().map(|schema| self.schema(schema, depth + 1)).collect()
    }

    /// Whether a property is not for this side to write.
    fn hides(&self, property: &Value) -> bool {
        let keyword = match self.side {
            Side::Request => "readOnly",
            Side::Response => "writeOnly",
        };
        property.get(keyword).and_then(Value::as_bool) == Some(true)
    }

    pub(crate) fn hides_property(&self, property: &Value) -> bool {
        self.hides(property)
    }
}

/// Puts definitions where the only reference to them is.
struct Inlined<'a> {
    uses: &'a HashMap<String, usize>,
    definitions: &'a Map<String, Value>,
}

impl Inlined<'_> {
    fn put(&self, schema: &mut Value, depth: usize) {
        if depth <= MAX_DEPTH
            && let Value::Object(members) = schema
            && let Some(name) = definition_name(members)
            && self.uses.get(name) == Some(&1)
            && let Some(Value::Object(target)) = self.definitions.get(name)
        {
            let mut target = target.clone();
            let beside = std::mem::take(members).into_iter().filter(|(name, _)| name != "$ref");
            // Only annotations stand beside a reference here, or what 3.1 adds to it.
            let mut rest = Map::new();
            for (key, value) in beside {
                if ANNOTATIONS.contains(&key.as_str()) || !target.contains_key(&key) {
                    target.insert(key, value);
                } else {
                    rest.insert(key, value);
                }
            }
            *schema = if rest.is_empty() { Value::Object(target) } else { json!({"allOf": [target, rest]}) };
        }
        match schema {
            Value::Object(members) => members.values_mut().for_each(|member| self.put(member, depth + 1)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.put(item, depth + 1)),
            _ => {}
        }
    }
}

const ANNOTATIONS: [&str; 5] = ["title", "description", "default", "examples", "deprecated"];

fn definition_name(members: &Map<String, Value>) -> Option<&str> {
    members.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

fn count(schema: &Value, uses: &mut HashMap<String, usize>) {
    let mut found = Vec::new();
    names(schema, &mut found);
    for name in found {
        *uses.entry(name).or_default() += 1;
    }
}

/// The definitions that a schema refers to, as often as it does.
fn names(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            found.extend(definition_name(members).map(str::to_owned));
            members.values().for_each(|member| names(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

/// The types, without those that JSON Schema has not.
fn types(from: &Map<String, Value>) -> Vec<&str> {
    const KNOWN: [&str; 7] = ["string", "number", "integer", "boolean", "array", "object", "null"];
    let known = |name: &str| match name {
        "file" => Some("string"),
        _ => KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(name)),
    };
    let mut types: Vec<&str> = match from.get("type") {
        Some(Value::String(name)) => known(name).into_iter().collect(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).filter_map(known).collect(),
        _ => Vec::new(),
    };
    let mut seen = Vec::new();
    types.retain(|name| {
        let fresh = !seen.contains(name);
        seen.push(*name);
        fresh
    });
    types
}

/// The names that are required, each once, without those that are hidden.
pub(crate) fn required<'a>(from: &'a Map<String, Value>, hidden: &[&str]) -> Vec<&'a str> {
    let mut left_out: HashSet<&str> = hidden.iter().copied().collect();
    let names = from.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    names.filter(|name| left_out.insert(name)).collect()
}

/// The keywords that bound a value; what cannot be one of theirs is left out.
fn values(from: &Map<String, Value>, to: &mut Map<String, Value>) {
    if let Some(choices) = from.get("enum").and_then(Value::as_array).filter(|choices| !choices.is_empty()) {
        let mut seen = HashSet::new();
        let distinct = choices.iter().filter(|choice| seen.insert(choice.to_string())).cloned().collect();
        to.insert("enum".to_owned(), Value::Array(distinct));
    }
    if let Some(value) = from.get("const") {
        to.insert("const".to_owned(), value.clone());
    }
    for (name, value) in from {
        let fits = match name.as_str() {
            "minimum" | "maximum" => value.is_number(),
            "multipleOf" => value.as_f64().is_some_and(|number| number > 0.0),
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" | "minContains"
            | "maxContains" => value.is_u64(),
            "uniqueItems" => value.is_boolean(),
            "pattern" | "format" | "contentEncoding" | "contentMediaType" => value.is_string(),
            "dependentRequired" => value.is_object(),
            _ => false,
        };
        if fits {
            to.insert(name.clone(), value.clone());
        }
    }
    for (exclusive, inclusive) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        match from.get(exclusive) {
            Some(number @ Value::Number(_)) => {
                to.insert(exclusive.to_owned(), number.clone());
            }
            Some(Value::Bool(true)) => {
                if let Some(bound) = to.remove(inclusive) {
                    to.insert(exclusive.to_owned(), bound);
                }
            }
            _ => {}
        }
    }
    if from.get("type").and_then(Value::as_str) == Some("file") {
        to.insert("format".to_owned(), json!("binary"));
    }
}

fn annotations(from: &Map<String, Value>, to: &mut Map<String, Value>) {
    for name in ["title", "description"] {
        if let Some(text) = from.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty()) {
            to.insert(name.to_owned(), Value::String(shorten(text, MAX_DESCRIPTION)));
        }
    }
    let small = |value: &&Value| !value.is_null() && value.to_string().len() <= MAX_EXAMPLE;
    if let Some(default) = from.get("default").filter(small) {
        to.insert("default".to_owned(), default.clone());
    }
    if let Some(examples) = from.get("examples").filter(|examples| examples.is_array()).filter(small) {
        to.insert("examples".to_owned(), examples.clone());
    } else if let Some(example) = from.get("example").filter(small) {
        to.insert("examples".to_owned(), json!([example]));
    }
    if from.get("deprecated").and_then(Value::as_bool) == Some(true) {
        to.insert("deprecated".to_owned(), Value::Bool(true));
    }
}

fn nullable(from: &Map<String, Value>) -> bool {
    ["nullable", "x-nullable"].iter().any(|name| from.get(*name).and_then(Value::as_bool) == Some(true))
}

/// The schema, and null.
fn or_null(mut schema: Map<String, Value>) -> Value {
    if schema.contains_key("$ref") || ["allOf", "anyOf", "oneOf", "const"].iter().any(|name| schema.contains_key(*name))
    {
        let mut outer = Map::new();
        for name in ANNOTATIONS {
            if let Some(value) = schema.shift_remove(name) {
                outer.insert(name.to_owned(), value);
            }
        }
        outer.insert("anyOf".to_owned(), json!([unwrap_single(schema), {"type": "null"}]));
        return Value::Object(outer);
    }
    match schema.get_mut("type") {
        Some(Value::Array(types)) if !types.contains(&json!("null")) => types.push(json!("null")),
        Some(Value::Array(_)) => {}
        Some(one) if one != "null" => {
            let both = json!([one, "null"]);
            *one = both;
        }
        _ => {}
    }
    if let Some(Value::Array(choices)) = schema.get_mut("enum")
        && !choices.contains(&Value::Null)
    {
        choices.push(Value::Null);
    }
    Value::Object(schema)
}

/// `allOf` of one, which 3.0 needs to describe a reference, is that one.
fn unwrap_single(mut schema: Map<String, Value>) -> Value {
    let is_plain = schema.keys().all(|name| name == "allOf" || ANNOTATIONS.contains(&name.as_str()));
    if is_plain
        && let Some(Value::Array(parts)) = schema.get("allOf")
        && let [Value::Object(one)] = parts.as_slice()
    {
        let mut one = one.clone();
        schema.shift_remove("allOf");
        one.extend(schema);
        return Value::Object(one);
    }
    Value::Object(schema)
}
