//! Writes a schema out: without references and `allOf`, no deeper than it may be, in keywords that the provider takes.

use std::borrow::Cow;
use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::dialect::{Dialect, Rule};
use super::merge::{merge, type_names};
use super::{SchemaChange, SchemaChangeKind, gemini};
use crate::provider::names::encode_argument;

type Schema = Map<String, Value>;

/// How often a schema may be met within itself.
const RECURSION: usize = 2;
/// The longest value of a keyword that a description tells, in characters.
const LONGEST_TOLD: usize = 200;
/// How many alternatives for the arguments as a whole are taken apart.
const MOST_ALTERNATIVES: usize = 100;
/// What a copy of a schema costs beside its bytes.
const COPY: usize = 512;
/// Bytes of schema that references and `allOf` may have copied, whatever becomes of them.
const MOST_COPIED: usize = 4 << 20;
/// How deep schemas of any kind may be nested, and how many references may lead to one: the compiler recurses as deep.
const MOST_NESTED: usize = 200;
const MOST_FOLLOWED: usize = 100;
const TOO_NESTED: &str = "it is nested too deeply";
pub(super) const TOLD: &str = "the description tells it";
pub(super) const TOO_LONG: &str = "it is too long for the description";
const TYPES: [&str; 7] = ["object", "array", "string", "number", "integer", "boolean", "null"];
/// Keywords whose value is one schema.
const ONE: [&str; 11] = [
    "items",
    "additionalProperties",
    "contains",
    "propertyNames",
    "if",
    "then",
    "else",
    "not",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
/// Keywords whose value has schemas by name.
const NAMED: [&str; 3] = ["properties", "patternProperties", "dependentSchemas"];
/// Keywords whose value lists schemas.
const LISTED: [&str; 3] = ["anyOf", "oneOf", "prefixItems"];
/// What an object loses that is too deep to be described.
const OF_OBJECTS: [&str; 8] = [
    "properties",
    "patternProperties",
    "additionalProperties",
    "required",
    "propertyNames",
    "unevaluatedProperties",
    "dependentSchemas",
    "dependentRequired",
];

pub(super) struct Compiler<'s> {
    root: &'s Value,
    pub(super) dialect: Dialect,
    /// How many objects may lie within each other.
    deepest: usize,
    largest: usize,
    size: usize,
    /// Bytes of schema that were copied.
    copied: usize,
    /// How many schemas the compiler is within.
    nesting: usize,
    /// The references that lead to where the compiler is.
    following: Vec<String>,
    path: Vec<String>,
    changes: Vec<SchemaChange>,
}

impl<'s> Compiler<'s> {
    pub(super) fn new(root: &'s Value, dialect: Dialect, deepest: usize, largest: usize) -> Self {
        let (following, path, changes) = (Vec::new(), Vec::new(), Vec::new());
        Self { root, dialect, deepest, largest, size: 0, copied: 0, nesting: 0, following, path, changes }
    }

    /// Whether the schema became larger than it may be.
    pub(super) fn is_full(&self) -> bool {
        self.size > self.largest || self.copied > MOST_COPIED
    }

    pub(super) fn into_changes(self) -> Vec<SchemaChange> {
        self.changes
    }

    /// The schema of a tool's arguments: of an object, whose alternatives are told and not written as such, which no
    /// provider takes.
    pub(super) fn arguments(&mut self) -> Value {
        let mut flat = self.root.as_object().map_or_else(Schema::new, |schema| self.flatten(schema).into_owned());
        if flat.get("type").is_some_and(|types| !type_names(types).contains(&"object")) {
            self.rewritten("type", "the arguments of a tool are an object");
            flat = Schema::new();
        }
        let told: Vec<String> =
            ["anyOf", "oneOf"].into_iter().filter_map(|keyword| self.alternatives(&mut flat, keyword)).collect();
        for keyword in ["enum", "const", "not"] {
            if flat.shift_remove(keyword).is_some() {
                self.dropped(keyword, "no provider takes it for the arguments as a whole");
            }
        }
        // They are always there.
        flat.shift_remove("nullable");
        describe(&mut flat, &told);
        let mut arguments = Schema::new();
        arguments.insert("type".to_owned(), "object".into());
        for (keyword, value) in flat {
            if keyword != "type" {
                arguments.insert(keyword, value);
            }
        }
        if !arguments.get("properties").is_some_and(Value::is_object) {
            arguments.insert("properties".to_owned(), json!({}));
        }
        let normal = self.normalize(Cow::Owned(arguments));
        self.emit(&normal, 0)
    }

    /// A schema within the arguments, `depth` objects deep.
    fn schema(&mut self, schema: &Value, depth: usize) -> Value {
        if self.is_full() {
            return json!({});
        }
        if self.nesting >= MOST_NESTED {
            self.dropped("", TOO_NESTED);
            return json!({});
        }
        let schema = match schema {
            Value::Object(schema) => schema,
            Value::Bool(true) => return json!({}),
            Value::Bool(false) if self.dialect != Dialect::Gemini => return json!({ "not": {} }),
            _ => {
                self.dropped("", "it is no schema that the provider takes");
                return json!({});
            }
        };
        let before = self.following.len();
        self.nesting += 1;
        let flat = self.flatten(schema);
        let mut normal = self.normalize(flat);
        if depth >= self.deepest {
            self.cut(&mut normal);
        }
        let written = self.emit(&normal, depth);
        self.nesting -= 1;
        self.following.truncate(before);
        written
    }

    /// The schema with what it refers to, and all that has to hold with it.
    fn flatten<'v>(&mut self, schema: &'v Schema) -> Cow<'v, Schema> {
        let only = |keyword| match schema.get(keyword).and_then(Value::as_array).map(Vec::as_slice) {
            Some([only @ Value::Object(_)]) => Some((keyword, only)),
            _ => None,
        };
        let single = [only("anyOf"), only("oneOf")];
        let is_flat = !schema.contains_key("$ref") && !schema.contains_key("allOf") && single == [None, None];
        self.size += 4;
        if is_flat || self.is_full() {
            return Cow::Borrowed(schema);
        }
        self.copied += COPY + weight_of(schema);
        let is_single = |keyword: &str| single.iter().flatten().any(|(single, _)| *single == keyword);
        let mut flat: Schema = schema
            .iter()
            .filter(|(keyword, _)| !matches!(keyword.as_str(), "$ref" | "allOf") && !is_single(keyword))
            .map(|(keyword, value)| (keyword.clone(), value.clone()))
            .collect();
        let mut taken = Vec::new();
        if let Some(reference) = schema.get("$ref") {
            let part = self.apart(&mut taken, |compiler| compiler.follow(reference));
            self.join(&mut flat, part);
        }
        let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
        for part in parts.chain(single.into_iter().flatten().map(|(_, only)| only)) {
            if let Value::Object(part) = part {
                let part = self.apart(&mut taken, |compiler| compiler.flatten(part).into_owned());
                self.join(&mut flat, part);
            }
        }
        self.following.append(&mut taken);
        Cow::Owned(flat)
    }

    /// Reads one of several schemas that stand beside each other: what one refers to does not lead to the next. All that
    /// they refer to leads to what is within them.
    fn apart(&mut self, taken: &mut Vec<String>, read: impl FnOnce(&mut Self) -> Schema) -> Schema {
        let before = self.following.len();
        let schema = read(self);
        for reference in self.following.split_off(before) {
            if !taken.contains(&reference) {
                taken.push(reference);
            }
        }
        schema
    }

    fn join(&mut self, flat: &mut Schema, part: Schema) {
        for keyword in merge(flat, part) {
            if self.dialect.rule(&keyword, &Value::Null) != Rule::Forget {
                self.dropped(&keyword, "it differs between schemas that all have to hold");
            }
        }
    }

    fn follow(&mut self, reference: &Value) -> Schema {
        let reference = reference.as_str().unwrap_or_default();
        let target = match reference.strip_prefix('#') {
            Some(pointer) => percent_decode_str(pointer).decode_utf8().ok().and_then(|at| self.root.pointer(&at)),
            None => None,
        };
        let Some(Value::Object(target)) = target else {
            self.dropped("$ref", format!("{reference:?} leads to nothing in the schema"));
            return Schema::new();
        };
        if self.following.iter().filter(|followed| *followed == reference).count() >= RECURSION {
            self.rewritten("$ref", "the schema is within itself, and described no deeper than this");
            let shallow = ["type", "title", "description"].into_iter();
            return shallow.filter_map(|name| Some((name.to_owned(), target.get(name)?.clone()))).collect();
        }
        if self.following.len() >= MOST_FOLLOWED {
            self.dropped("$ref", TOO_NESTED);
            return Schema::new();
        }
        self.following.push(reference.to_owned());
        self.copied += weight_of(target);
        self.flatten(target).into_owned()
    }

    /// Takes alternatives for the arguments as a whole apart: any of their properties may be given. The answer says which
    /// belong together.
    fn alternatives(&mut self, flat: &mut Schema, keyword: &str) -> Option<String> {
        let Value::Array(alternatives) = flat.shift_remove(keyword)? else { return None };
        self.rewritten(keyword, "no provider takes it for the arguments as a whole; the description tells it");
        let mut properties = match flat.shift_remove("properties") {
            Some(Value::Object(properties)) => properties,
            _ => Schema::new(),
        };
        let mut contested: HashSet<String> = HashSet::new();
        let mut always: Option<Vec<Value>> = None;
        let (mut told, mut taken) = (Vec::new(), Vec::new());
        for alternative in alternatives.iter().take(MOST_ALTERNATIVES) {
            let Value::Object(alternative) = alternative else { continue };
            let alternative = self.apart(&mut taken, |compiler| compiler.flatten(alternative).into_owned());
            let required = alternative.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
            let names: Vec<_> = required.iter().filter_map(Value::as_str).map(|name| format!("`{name}`")).collect();
            if !names.is_empty() {
                told.push(names.join(" and "));
            }
            always = Some(match always {
                None => required,
                Some(always) => {
                    let required: HashSet<&str> = required.iter().filter_map(Value::as_str).collect();
                    always
                        .into_iter()
                        .filter(|name| name.as_str().is_some_and(|name| required.contains(name)))
                        .collect()
                }
            });
            let Some(Value::Object(theirs)) = alternative.get("properties") else { continue };
            for (name, theirs) in theirs {
                match properties.get_mut(name) {
                    None => {
                        properties.insert(name.clone(), theirs.clone());
                    }
                    Some(ours) if ours == theirs => {}
                    Some(ours) if contested.contains(name) => {
                        if let Some(Value::Array(all)) = ours.get_mut("anyOf")
                            && !all.contains(theirs)
                        {
                            all.push(theirs.clone());
                        }
                    }
                    Some(ours) => {
                        *ours = json!({ "anyOf": [ours.take(), theirs] });
                        contested.insert(name.clone());
                    }
                }
            }
        }
        self.following.append(&mut taken);
        flat.insert("properties".to_owned(), properties.into());
        if alternatives.len() > MOST_ALTERNATIVES {
            self.dropped(keyword, format!("only the first {MOST_ALTERNATIVES} alternatives are described"));
            // The others may need less, and take more.
            always = None;
            flat.retain(|keyword, _| !matches!(keyword.as_str(), "additionalProperties" | "unevaluatedProperties"));
        }
        if let Some(always) = always.filter(|always| !always.is_empty()) {
            match flat.get_mut("required") {
                Some(Value::Array(required)) => required.extend(always),
                _ => {
                    flat.insert("required".to_owned(), always.into());
                }
            }
        }
        (told.len() > 1).then(|| format!("Needs one of: {}.", told.join("; ")))
    }

    /// The schema in the words of JSON Schema 2020-12, as far as the provider needs it so.
    fn normalize<'v>(&mut self, mut schema: Cow<'v, Schema>) -> Cow<'v, Schema> {
        if schema.get("nullable").is_some_and(Value::is_boolean) {
            nullable(schema.to_mut());
        }
        for (exclusive, inclusive) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
            if let Some(Value::Bool(is_exclusive)) = schema.get(exclusive).cloned() {
                let schema = schema.to_mut();
                schema.shift_remove(exclusive);
                if is_exclusive && let Some(bound) = schema.shift_remove(inclusive) {
                    schema.insert(exclusive.to_owned(), bound);
                }
            }
        }
        if schema.get("items").is_some_and(Value::is_array) {
            let schema = schema.to_mut();
            let first = schema.shift_remove("items").unwrap_or_default();
            let rest = schema.shift_remove("additionalItems");
            schema.entry("prefixItems").or_insert(first);
            schema.extend(rest.map(|rest| ("items".to_owned(), rest)));
        }
        if self.dialect.needs_enum() && schema.contains_key("const") {
            let schema = schema.to_mut();
            if let Some(value) = schema.shift_remove("const") {
                schema.entry("enum").or_insert_with(|| json!([value]));
            }
        }
        self.check_type(&mut schema);
        if self.dialect == Dialect::Gemini {
            gemini::normalize(self, &mut schema);
        }
        if self.dialect.needs_items()
            && schema.get("type").is_some_and(|types| type_names(types).contains(&"array"))
            && !schema.get("items").is_some_and(Value::is_object)
        {
            if schema.get("items") == Some(&false.into()) || schema.contains_key("prefixItems") {
                self.rewritten("items", format!("{} wants to be told what items are", self.dialect.name()));
            }
            schema.to_mut().insert("items".to_owned(), json!({}));
        }
        schema
    }

    fn check_type(&mut self, schema: &mut Cow<'_, Schema>) {
        let Some(types) = schema.get("type") else { return };
        let mut names: Vec<&str> = Vec::new();
        for name in type_names(types) {
            if TYPES.contains(&name) && !names.contains(&name) {
                names.push(name);
            }
        }
        let checked = match names.as_slice() {
            [] => None,
            [name] => Some(Value::from(*name)),
            names => Some(Value::from(names)),
        };
        if checked.as_ref() == Some(types) {
            return;
        }
        match checked {
            Some(checked) => {
                schema.to_mut().insert("type".to_owned(), checked);
            }
            None => {
                self.dropped("type", format!("{types} is no type of JSON Schema"));
                schema.to_mut().shift_remove("type");
            }
        }
    }

    /// An object that lies too deep accepts anything.
    fn cut(&mut self, schema: &mut Cow<'_, Schema>) {
        let has_more = schema.get("properties").and_then(Value::as_object).is_some_and(|named| !named.is_empty())
            || schema.get("additionalProperties").is_some_and(Value::is_object)
            || schema.contains_key("patternProperties");
        if !has_more {
            return;
        }
        self.dropped("properties", format!("only {} levels of objects are described here", self.deepest));
        let schema = schema.to_mut();
        schema.retain(|keyword, _| !OF_OBJECTS.contains(&keyword.as_str()));
        schema.entry("type").or_insert("object".into());
    }

    /// Writes the schema, each keyword as the provider takes it.
    fn emit(&mut self, schema: &Schema, depth: usize) -> Value {
        let mut written = Schema::new();
        let mut told = Vec::new();
        for (keyword, value) in schema {
            match self.dialect.rule(keyword, value) {
                Rule::Forget => continue,
                Rule::Drop => {
                    self.dropped(keyword, format!("{} does not read it", self.dialect.name()));
                    continue;
                }
                Rule::Tell => {
                    match telling(keyword, value) {
                        Some(text) => {
                            self.rewritten(keyword, TOLD);
                            told.push(text);
                        }
                        None => self.dropped(keyword, TOO_LONG),
                    }
                    continue;
                }
                Rule::Keep => {}
            }
            self.size += keyword.len() + 4;
            if let Some(value) = self.keyword(schema, keyword, value, depth) {
                written.insert(keyword.clone(), value);
            }
        }
        // Properties may say of themselves that they are required.
        if !schema.contains_key("required")
            && let Some(required) = self.required(schema)
        {
            written.insert("required".to_owned(), required);
        }
        self.size += told.iter().map(String::len).sum::<usize>();
        describe(&mut written, &in_brackets(&told));
        written.into()
    }

    /// The name of a property as the provider takes it: only those of the arguments themselves are restricted.
    fn written<'n>(&self, name: &'n str) -> Option<Cow<'n, str>> {
        if self.path.is_empty() && self.dialect.restricts_names() {
            encode_argument(name)
        } else {
            Some(Cow::Borrowed(name))
        }
    }

    fn keyword(&mut self, schema: &Schema, keyword: &str, value: &Value, depth: usize) -> Option<Value> {
        match keyword {
            "required" => return self.required(schema),
            "enum" => return self.values(value),
            "description" | "title" if !value.is_string() => return None,
            _ => {}
        }
        if ONE.contains(&keyword) {
            let inner = depth + usize::from(matches!(keyword, "additionalProperties" | "unevaluatedProperties"));
            return match value {
                Value::Bool(_) if keyword != "items" && keyword != "not" => Some(value.clone()),
                _ => Some(self.within(keyword, |compiler| compiler.schema(value, inner))),
            };
        }
        if NAMED.contains(&keyword) {
            let Value::Object(named) = value else { return None };
            return Some(self.named(keyword, named, depth + 1));
        }
        if LISTED.contains(&keyword) {
            let Value::Array(schemas) = value else { return None };
            let mut list = Vec::new();
            for (index, schema) in schemas.iter().enumerate() {
                let index = index.to_string();
                let schema = self.within(keyword, |c| c.within(&index, |compiler| compiler.schema(schema, depth)));
                if keyword == "prefixItems" || !list.contains(&schema) {
                    list.push(schema);
                }
            }
            return (!list.is_empty()).then(|| list.into());
        }
        self.size += weight(value);
        Some(value.clone())
    }

    fn named(&mut self, keyword: &str, schemas: &Schema, depth: usize) -> Value {
        let mut named = Schema::new();
        for (name, schema) in schemas {
            let written = if keyword == "properties" { self.written(name) } else { Some(Cow::Borrowed(name.as_str())) };
            let Some(written) = written else {
                self.dropped(keyword, format!("the name {name:?} is too long for {}", self.dialect.name()));
                continue;
            };
            if written != *name {
                let reason = format!("{} does not take the name {name:?}", self.dialect.name());
                self.within(keyword, |c| c.within(&written, |compiler| compiler.rewritten("", reason)));
            }
            // Nothing can be given for it.
            if *schema == Value::Bool(false) && keyword == "properties" {
                continue;
            }
            self.size += written.len() + 4;
            let schema = self.within(keyword, |c| c.within(&written, |compiler| compiler.schema(schema, depth)));
            named.insert(written.into_owned(), schema);
        }
        named.into()
    }

    /// The names of what has to be given, each once.
    fn required(&mut self, schema: &Schema) -> Option<Value> {
        let properties = schema.get("properties").and_then(Value::as_object);
        let listed = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let marked = properties.into_iter().flatten().filter_map(|(name, property)| {
            (property.get("required") == Some(&Value::Bool(true))).then_some(name.as_str())
        });
        let mut required: Vec<Cow<'_, str>> = Vec::new();
        let mut seen = HashSet::new();
        let mut unknown = false;
        for name in listed.chain(marked) {
            let property = properties.and_then(|properties| properties.get(name));
            if property.is_none() && self.dialect == Dialect::Gemini {
                unknown = true;
                continue;
            }
            if let Some(name) =
                self.written(name).filter(|name| property != Some(&Value::Bool(false)) && seen.insert(name.clone()))
            {
                self.size += name.len() + 3;
                required.push(name);
            }
        }
        if unknown {
            self.dropped("required", "it names what is no property");
        }
        // An empty list is what the schema said, or all that is left of one.
        (!required.is_empty() || schema.get("required").is_some_and(|list| *list == json!([]))).then(|| json!(required))
    }

    fn values(&mut self, values: &Value) -> Option<Value> {
        if self.is_full() {
            return None;
        }
        let mut seen = HashSet::new();
        let kept: Vec<&Value> = values.as_array()?.iter().filter(|value| seen.insert(value.to_string())).collect();
        self.size += kept.iter().map(|value| weight(value)).sum::<usize>();
        (!kept.is_empty()).then(|| json!(kept))
    }

    fn within<T>(&mut self, step: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(escaped(step));
        let done = work(self);
        self.path.pop();
        done
    }

    pub(super) fn dropped(&mut self, keyword: &str, reason: impl Into<String>) {
        self.change(keyword, SchemaChangeKind::Dropped, reason.into());
    }

    pub(super) fn rewritten(&mut self, keyword: &str, reason: impl Into<String>) {
        self.change(keyword, SchemaChangeKind::Rewritten, reason.into());
    }

    fn change(&mut self, keyword: &str, change: SchemaChangeKind, reason: String) {
        self.changes.push(SchemaChange { path: pointer(&self.path), keyword: keyword.to_owned(), change, reason });
    }
}

/// A step of a JSON pointer.
pub(super) fn escaped(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

pub(super) fn pointer(path: &[String]) -> String {
    path.iter().flat_map(|step| ["/", step]).collect()
}

/// Makes OpenAPI's `nullable` a type.
fn nullable(schema: &mut Schema) {
    if schema.shift_remove("nullable") != Some(Value::Bool(true)) {
        return;
    }
    if let Some(types) = schema.get_mut("type") {
        let mut names = type_names(types);
        if !names.contains(&"null") {
            names.push("null");
            *types = json!(names);
        }
    } else if let Some(Value::Array(alternatives)) = schema.get_mut("anyOf") {
        alternatives.push(json!({ "type": "null" }));
    } else if let Some(Value::Array(alternatives)) = schema.get_mut("oneOf") {
        alternatives.push(json!({ "type": "null" }));
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
}

/// How a description tells a keyword; none where that would be too long.
pub(super) fn telling(keyword: &str, value: &Value) -> Option<String> {
    let text = value.as_str().map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed);
    (text.chars().count() <= LONGEST_TOLD).then(|| format!("{keyword}: {text}"))
}

/// What a description tells beside its sentences.
pub(super) fn in_brackets(told: &[String]) -> Vec<String> {
    if told.is_empty() { Vec::new() } else { vec![format!("({})", told.join("; "))] }
}

/// Adds sentences to a schema's description.
pub(super) fn describe(schema: &mut Schema, sentences: &[String]) {
    if sentences.is_empty() {
        return;
    }
    let before = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let described = std::iter::once(before).chain(sentences.iter().map(String::as_str));
    let described: Vec<_> = described.filter(|text| !text.is_empty()).collect();
    schema.insert("description".to_owned(), described.join(" ").into());
}

/// About how many bytes a value has as text.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| weight(item) + 1).sum::<usize>(),
        Value::Object(members) => weight_of(members),
        _ => 5,
    }
}

fn weight_of(members: &Schema) -> usize {
    2 + members.iter().map(|(name, member)| name.len() + 4 + weight(member)).sum::<usize>()
}
