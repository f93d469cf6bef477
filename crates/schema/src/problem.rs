//! What is wrong with a value, in words a model can act on.

use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::io;

use serde_json::Value;

use crate::closest;
use crate::fault::{Fault, Kind};

/// Further problems are only counted.
const MAX_PROBLEMS: usize = 12;
/// The longest piece of a value that is repeated, in characters.
const MAX_VALUE: usize = 60;
/// The longest text of one problem, in characters.
const MAX_MESSAGE: usize = 400;
/// Faults that are looked at; whether there are more is all that is said of others.
pub(crate) const MAX_FAULTS: usize = 200;
/// Properties of a value that are compared with the name of a missing one.
const MAX_STRANGERS: usize = 200;

/// Why a value does not fit its schema.
///
/// [`Display`](fmt::Display) gives a line a problem; at most twelve are kept, each of bounded length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    problems: Vec<Problem>,
    omitted: usize,
    /// Whether there may be more than are counted.
    is_cut: bool,
    is_too_complex: bool,
}

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `items[0].name`; empty for the value as a whole.
    pub path: String,
    /// What was expected and what was given.
    pub message: String,
    /// What was expected, without a word of the value.
    plain: String,
}

impl Invalid {
    pub(crate) fn new<'a>(faults: impl Iterator<Item = Fault<'a>>) -> Self {
        let mut problems: Vec<Problem> = Vec::new();
        let (mut omitted, mut looked_at) = (0, 0);
        for fault in faults {
            looked_at += 1;
            if problems.len() >= MAX_PROBLEMS {
                omitted += count(&fault);
                continue;
            }
            for problem in describe(&fault) {
                if problems.contains(&problem) {
                    continue;
                }
                if problems.len() < MAX_PROBLEMS {
                    problems.push(problem);
                } else {
                    omitted += 1;
                }
            }
            omitted += count(&fault).saturating_sub(MAX_DESCRIBED);
        }
        Self { problems, omitted, is_cut: looked_at >= MAX_FAULTS, is_too_complex: false }
    }

    /// The check gave up.
    pub(crate) fn too_complex() -> Self {
        let message = "too complex to be checked against the schema; send fewer or smaller values";
        Self { is_too_complex: true, ..Self::only(message) }
    }

    /// What is wrong is not known.
    pub(crate) fn somewhere() -> Self {
        Self::only("does not fit the schema; value and schema are too large to say where")
    }

    fn only(message: &str) -> Self {
        let problem = Problem { path: String::new(), message: message.to_owned(), plain: message.to_owned() };
        Self { problems: vec![problem], omitted: 0, is_cut: false, is_too_complex: false }
    }

    /// Whether the check gave up, so that the value may be right.
    #[must_use]
    pub fn is_too_complex(&self) -> bool {
        self.is_too_complex
    }

    /// The problems, at most twelve.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The same without anything that the value holds, for a log: what the schema asks for, and where. Names of properties
    /// that the schema does not have are `*`, and places in lists are left out.
    #[must_use]
    pub fn without_values(&self, schema: &Value) -> String {
        let mut known = HashSet::new();
        property_names(schema, &mut known);
        let mut lines: Vec<String> = Vec::new();
        for problem in &self.problems {
            let path = masked(&problem.path, &known);
            let line = if path.is_empty() { problem.plain.clone() } else { format!("`{path}`: {}", problem.plain) };
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        if self.omitted > 0 {
            lines.push(format!("and {} more", self.omitted));
        }
        lines.join("\n")
    }
}

/// The names that a schema gives to properties, however deep.
fn property_names<'a>(schema: &'a Value, known: &mut HashSet<&'a str>) {
    let mut left = vec![schema];
    while let Some(schema) = left.pop() {
        match schema {
            Value::Object(fields) => {
                if let Some(properties) = fields.get("properties").and_then(Value::as_object) {
                    known.extend(properties.keys().map(String::as_str));
                }
                if let Some(required) = fields.get("required").and_then(Value::as_array) {
                    known.extend(required.iter().filter_map(Value::as_str));
                }
                left.extend(fields.values());
            }
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
}

fn masked(path: &str, known: &HashSet<&str>) -> String {
    let part = |part: &str| {
        let name = part.split('[').next().unwrap_or_default();
        let list = if name.len() < part.len() { "[]" } else { "" };
        let name = if name.is_empty() || known.contains(name) { name } else { "*" };
        format!("{name}{list}")
    };
    path.split('.').map(part).collect::<Vec<_>>().join(".")
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.problems.iter().enumerate() {
            if place > 0 {
                f.write_char('\n')?;
            }
            problem.fmt(f)?;
        }
        if self.omitted > 0 {
            let least = if self.is_cut { "at least " } else { "" };
            write!(f, "\nand {least}{} more", self.omitted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "`{}`", self.path)?;
            // A message about the field itself continues the name; one about its value follows a colon.
            f.write_str(if self.message.starts_with("is ") { " " } else { ": " })?;
        }
        f.write_str(&self.message)
    }
}

/// As many problems of one fault are put into words.
const MAX_DESCRIBED: usize = 2 * MAX_PROBLEMS;

/// How many problems a fault comes to.
fn count(fault: &Fault<'_>) -> usize {
    match &fault.kind {
        Kind::Unknown(names) => names.len(),
        _ => 1,
    }
}

fn describe(fault: &Fault<'_>) -> Vec<Problem> {
    let path = readable(&fault.at);
    let given = given(fault.given);
    let message = match &fault.kind {
        Kind::Required(name) => {
            let plain = "is required and missing".to_owned();
            return vec![Problem { path: join(&path, name), message: missing(fault, name), plain }];
        }
        Kind::Unknown(names) => {
            let known = siblings(fault);
            let problem = |name: &String| Problem {
                path: join(&path, name),
                message: unknown(name, &known),
                plain: "is not a known property".to_owned(),
            };
            return names.iter().take(MAX_DESCRIBED).map(problem).collect();
        }
        Kind::Alternatives(context) => return alternatives(&path, context, &given),
        Kind::Type(types) => format!("expected {}, got {given}", either(types)),
        Kind::Expected(what) => format!("expected {what}, got {given}"),
        Kind::Sized(what) => format!("expected {what}, got {}", size(fault.given)),
        Kind::Not => format!("must not be {given}"),
        Kind::Ambiguous => format!("fits more than one of the alternatives and must fit exactly one: {given}"),
        Kind::Says(message) => message.clone(),
    };
    vec![Problem { path, message: shorten(&message, MAX_MESSAGE), plain: shorten(&plain(&fault.kind), MAX_MESSAGE) }]
}

/// What a keyword asked for. Words of its own may quote the value.
fn plain(kind: &Kind<'_>) -> String {
    match kind {
        Kind::Type(types) => format!("expected {}", either(types)),
        Kind::Expected(what) | Kind::Sized(what) => format!("expected {what}"),
        Kind::Not => "is a value that the schema excludes".to_owned(),
        Kind::Ambiguous => "fits more than one of the alternatives and must fit exactly one".to_owned(),
        Kind::Required(_) | Kind::Unknown(_) | Kind::Alternatives(_) | Kind::Says(_) => {
            "does not fit the schema".to_owned()
        }
    }
}

/// The alternative that comes nearest speaks for all.
fn alternatives(path: &str, context: &[Vec<Fault<'_>>], given: &str) -> Vec<Problem> {
    let another_type = |fault: &Fault<'_>| match &fault.kind {
        Kind::Type(types) if readable(&fault.at) == path => Some(either(types)),
        _ => None,
    };
    let nearest =
        context.iter().min_by_key(|faults| (faults.iter().any(|fault| another_type(fault).is_some()), faults.len()));
    let mut expected: Vec<String> = Vec::new();
    for faults in context {
        if let [only] = faults.as_slice() {
            expected.extend(another_type(only));
        }
    }
    if expected.len() == context.len() {
        let plain = shorten(&format!("expected {}", expected.join(" or ")), MAX_MESSAGE);
        let message = format!("expected {}, got {given}", expected.join(" or "));
        return vec![Problem { path: path.to_owned(), message: shorten(&message, MAX_MESSAGE), plain }];
    }
    let mut problems: Vec<Problem> = nearest.into_iter().flatten().take(MAX_DESCRIBED).flat_map(describe).collect();
    if context.len() > 1 {
        let message = format!("fits none of its {} alternatives; what the nearest one lacks is listed", context.len());
        let plain = format!("fits none of its {} alternatives", context.len());
        problems.insert(0, Problem { path: path.to_owned(), message, plain });
    }
    problems
}

fn missing(fault: &Fault<'_>, name: &str) -> String {
    let known = siblings(fault);
    let fields = fault.given.as_object().into_iter().flatten();
    let strangers = fields.map(|(key, _)| key.as_str()).take(MAX_STRANGERS).filter(|key| !known.contains(key));
    // The misspelt property is told of by its own problem where the schema forbids it.
    let closed = fault.schema.is_some_and(|schema| schema.get("additionalProperties") == Some(&Value::Bool(false)));
    match closest(name, strangers).first() {
        Some(stranger) if !closed => {
            format!("is required and missing; was `{}` meant to be it?", shorten(stranger, MAX_VALUE))
        }
        _ => "is required and missing".to_owned(),
    }
}

fn unknown(name: &str, known: &[&str]) -> String {
    let close = closest(name, known.iter().copied());
    let message = if !close.is_empty() {
        format!("is not a known property; did you mean {}?", quoted(&close))
    } else if known.is_empty() {
        "is not a known property; none is allowed here".to_owned()
    } else {
        format!("is not a known property; known are {}", quoted(known))
    };
    shorten(&message, MAX_MESSAGE)
}

/// The names of the properties beside the keyword that failed.
fn siblings<'a>(fault: &Fault<'a>) -> Vec<&'a str> {
    (fault.schema)
        .and_then(|schema| schema.get("properties"))
        .and_then(Value::as_object)
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

fn either(types: &[&str]) -> String {
    let name = |kind: &&str| match *kind {
        "array" => "a list".to_owned(),
        "integer" => "an integer".to_owned(),
        "object" => "an object".to_owned(),
        "null" => "null".to_owned(),
        other => format!("a {other}"),
    };
    types.iter().map(name).collect::<Vec<_>>().join(" or ")
}

fn given(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Number(value) => format!("the number {value}"),
        Value::String(_) => format!("the string {}", literal(value)),
        Value::Array(_) => format!("the list {}", literal(value)),
        Value::Object(_) => format!("the object {}", literal(value)),
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// The beginning of a value's JSON text; no more of it is written than is shown.
pub(crate) fn literal(value: &Value) -> String {
    let mut start = Start { text: Vec::new(), room: MAX_VALUE * 4 + 4 };
    // An error says that there is more than there is room for.
    let _ = serde_json::to_writer(&mut start, value);
    shorten(&String::from_utf8_lossy(&start.text), MAX_VALUE)
}

/// Takes the beginning of what is written.
struct Start {
    text: Vec<u8>,
    room: usize,
}

impl io::Write for Start {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room);
        self.text.extend(bytes.iter().take(taken));
        self.room -= taken;
        if taken == 0 && !bytes.is_empty() { Err(io::ErrorKind::WriteZero.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn list(options: &Value) -> String {
    let Some(options) = options.as_array() else { return literal(options) };
    let mut text = String::new();
    for option in options {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&literal(option));
        // What is longer is cut where it is shown.
        if text.len() > 4 * MAX_MESSAGE {
            break;
        }
    }
    text
}

fn quoted(names: &[&str]) -> String {
    names.iter().take(MAX_MESSAGE).map(|name| format!("`{}`", shorten(name, MAX_VALUE))).collect::<Vec<_>>().join(", ")
}

fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn join(path: &str, name: &str) -> String {
    let name = shorten(name, MAX_VALUE);
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// A JSON pointer in the notation of programming languages.
fn readable(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        if part.parse::<usize>().is_ok() {
            // Writing to a `String` cannot fail.
            let _ = write!(path, "[{part}]");
        } else {
            path = join(&path, &part.replace("~1", "/").replace("~0", "~"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::Schema;

    fn said(schema: &Value, value: &Value) -> String {
        Schema::compile(schema).unwrap().check(value).unwrap_err().to_string()
    }

    #[test]
    fn names_each_wrong_field_with_its_path() {
        let schema = json!({
            "type": "object",
            "properties": {
                "count": {"type": "integer", "minimum": 1},
                "mode": {"enum": ["fast", "slow"]},
                "people": {"type": "array", "maxItems": 1, "items": {"type": "object", "required": ["name"]}},
            },
        });
        let value = json!({"count": 0, "mode": "quick", "people": [{}, {"name": 1}]});
        assert_eq!(
            said(&schema, &value),
            "`count`: expected at least 1, got the number 0\n\
             `mode`: expected one of \"fast\", \"slow\", got the string \"quick\"\n\
             `people`: expected at most 1 items, got 2\n\
             `people[0].name` is required and missing",
        );
    }

    #[test]
    fn an_open_schema_still_tells_a_misspelt_name() {
        let schema = json!({"properties": {"path": {"type": "string"}}, "required": ["path"]});
        assert_eq!(said(&schema, &json!({"pth": "a"})), "`path` is required and missing; was `pth` meant to be it?");
    }

    #[test]
    fn alternatives_are_told_by_the_nearest() {
        let types = json!({"properties": {"id": {"anyOf": [{"type": "string"}, {"type": "null"}]}}});
        assert_eq!(said(&types, &json!({"id": 4})), "`id`: expected a string or null, got the number 4");

        let shapes = json!({"oneOf": [
            {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]},
            {"type": "string"},
        ]});
        assert_eq!(
            said(&shapes, &json!({"uri": "x"})),
            "fits none of its 2 alternatives; what the nearest one lacks is listed\n`url` is required and missing; \
             was `uri` meant to be it?",
        );
    }

    #[test]
    fn the_text_is_bounded() {
        let schema = json!({"additionalProperties": {"type": "integer"}});
        let long = "x".repeat(10_000);
        let value: Value =
            (0..100).map(|n| (format!("{n}{long}"), json!(long))).collect::<serde_json::Map<_, _>>().into();
        let text = said(&schema, &value);
        assert!(text.len() < 12 * 600, "{} bytes", text.len());
        assert!(text.ends_with("and 88 more"), "{text}");
    }

    /// Nothing of the arguments is in what is logged of them: neither values nor names nor places.
    #[test]
    fn a_log_is_told_nothing_of_the_value() {
        let secret = "tok_SECRET";
        let schema = json!({
            "type": "object",
            "properties": {
                "count": {"type": "integer"},
                "mode": {"enum": ["fast", "slow"]},
                "either": {"anyOf": [{"type": "integer"}, {"type": "object", "required": ["url"]}]},
                "one": {"oneOf": [{"type": "string"}, {"maxLength": 90}]},
                "never": {"not": {"type": "string"}},
                "short": {"type": "string", "maxLength": 2, "pattern": "^a", "format": "uri"},
                "list": {"type": "array", "uniqueItems": true, "items": {"type": "object", "required": ["name"]}},
                "open": {"additionalProperties": {"type": "integer"}, "propertyNames": {"maxLength": 3}},
                "numbers": {"contains": {"type": "integer"}, "dependentRequired": {secret: ["other"]}},
            },
            "required": ["name"],
            "additionalProperties": false,
        });
        let value = json!({
            "count": secret, "mode": secret, "either": secret, "one": secret, "never": secret, "short": secret,
            "list": [{secret: secret}, secret, secret], "open": {secret: secret, "4111111111111111": secret},
            "numbers": [secret], secret: secret, "a.tok_SECRET[0]": {"tok_SECRET": 1},
        });
        let invalid = Schema::compile(&schema).unwrap().check(&value).unwrap_err();
        let logged = invalid.without_values(&schema);
        assert!(invalid.to_string().contains("tok_SECRET"));
        assert!(!logged.contains("tok_") && !logged.contains("SECRET") && !logged.contains("4111"), "{logged}");
        assert!(logged.contains("`count`: expected an integer"), "{logged}");

        let short = json!({"properties": {"a": {"items": {"required": ["b"]}}}, "additionalProperties": false});
        let invalid = Schema::compile(&short).unwrap().check(&json!({"a": [{}, {}], secret: 1})).unwrap_err();
        let logged = invalid.without_values(&short);
        let mut lines: Vec<&str> = logged.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["`*`: is not a known property", "`a[].b`: is required and missing"]);
    }

    #[test]
    fn references_stay_inside() {
        let outside = Schema::compile(&json!({"$ref": "https://example.com/schema.json"}));
        assert!(outside.unwrap_err().to_string().contains("example.com"));
        let file = Schema::compile(&json!({"$ref": "file:///etc/passwd"}));
        assert!(file.is_err());
        let inside = json!({"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n"}}});
        assert_eq!(said(&inside, &json!({"a": "1"})), "`a`: expected an integer, got the string \"1\"");
    }

    #[test]
    fn an_unusable_schema_is_told() {
        let error = Schema::compile(&json!({"type": "objekt"})).unwrap_err();
        assert!(error.to_string().starts_with("not a usable JSON Schema: at `/type`"), "{error}");
    }
}
