//! Looks at a schema once: whether it is one, and whether this checker knows what it asks for.

use std::collections::{HashMap, HashSet};
use std::ptr;

use regex_lite::RegexBuilder;
use serde_json::{Map, Value};

use super::{Checker, Pattern};
use crate::BadSchema;
use crate::reference::escape;
use crate::weight::{IN_PLACE, PATTERN_SIZE, of_pattern};

pub(super) const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];
/// Keywords whose value is a schema.
const ONE: [&str; 10] = [
    "additionalProperties",
    "additionalItems",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "contentSchema",
];
/// Keywords whose value is a list of schemas.
const LIST: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value is an object of schemas.
const NAMED: [&str; 5] = ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];
const COUNTS: [&str; 8] =
    ["maxContains", "maxItems", "maxLength", "maxProperties", "minContains", "minItems", "minLength", "minProperties"];
const LIMITS: [&str; 5] = ["exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"];
const UNKNOWN: [&str; 4] = ["$dynamicRef", "$recursiveRef", "unevaluatedItems", "unevaluatedProperties"];
/// How deep a schema may be nested.
const MAX_DEPTH: usize = 128;

type Outcome = Result<(), BadSchema>;

pub(super) fn compile(schema: &Value) -> Result<Checker, BadSchema> {
    let draft = schema.get("$schema").and_then(Value::as_str).unwrap_or_default();
    let old = ["draft-03", "draft-04", "draft-06", "draft-07"].iter().any(|name| draft.contains(name));
    let mut compiler = Compiler {
        root: schema,
        seen: HashSet::new(),
        references: Vec::new(),
        checker: Checker { patterns: HashMap::new(), anchors: HashMap::new(), references_alone: old },
    };
    compiler.schema(schema, "", 0)?;
    // A reference may lead to a place where no schema was expected, and what lies there may refer further.
    while let Some((at, reference)) = compiler.references.pop() {
        let Some(target) = compiler.checker.resolve(schema, &reference) else {
            return bad(&at, format!("{reference:?} is not within the schema"));
        };
        compiler.schema(target, reference.trim_start_matches('#'), 0)?;
    }
    let checker = compiler.checker;
    Circles { checker: &checker, root: schema, done: HashSet::new(), open: Vec::new() }.all(schema)?;
    Ok(checker)
}

struct Compiler<'s> {
    root: &'s Value,
    seen: HashSet<*const Value>,
    references: Vec<(String, String)>,
    checker: Checker,
}

impl<'s> Compiler<'s> {
    fn schema(&mut self, schema: &'s Value, at: &str, depth: usize) -> Outcome {
        if depth > MAX_DEPTH {
            return bad(at, "is nested too deeply".to_owned());
        }
        let fields = match schema {
            Value::Bool(_) => return Ok(()),
            Value::Object(fields) => fields,
            _ => return bad(at, format!("{schema} is not of types \"boolean\", \"object\"")),
        };
        if !self.seen.insert(ptr::from_ref(schema)) {
            return Ok(());
        }
        for (keyword, value) in fields {
            let here = format!("{at}/{}", escape(keyword));
            let keyword = keyword.as_str();
            if UNKNOWN.contains(&keyword) {
                return bad(&here, "this build does not know the keyword".to_owned());
            } else if NAMED.contains(&keyword) {
                for (name, schema) in object(value, &here)? {
                    self.schema(schema, &format!("{here}/{}", escape(name)), depth + 1)?;
                    if keyword == "patternProperties" {
                        self.pattern(name, &here)?;
                    }
                }
            } else if LIST.contains(&keyword) || (keyword == "items" && value.is_array()) {
                for (place, schema) in list(value, &here)?.iter().enumerate() {
                    self.schema(schema, &format!("{here}/{place}"), depth + 1)?;
                }
            } else if ONE.contains(&keyword) {
                self.schema(value, &here, depth + 1)?;
            } else {
                self.keyword(keyword, value, at, &here, depth)?;
            }
        }
        Ok(())
    }

    fn keyword(&mut self, keyword: &str, value: &'s Value, at: &str, here: &str, depth: usize) -> Outcome {
        match keyword {
            "type" => {
                let names = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                let known = |name: &Value| name.as_str().is_some_and(|name| TYPES.contains(&name));
                expect(names.iter().all(known), here, || format!("{value} is not a type, or a list of types"))
            }
            "enum" => list(value, here).map(drop),
            "required" => strings(value, here),
            "dependentRequired" => object(value, here)?.values().try_for_each(|names| strings(names, here)),
            "dependencies" => object(value, here)?.iter().try_for_each(|(name, dependency)| match dependency {
                Value::Array(_) => strings(dependency, here),
                schema => self.schema(schema, &format!("{here}/{}", escape(name)), depth + 1),
            }),
            "pattern" => match value.as_str() {
                Some(pattern) => self.pattern(pattern, here),
                None => bad(here, format!("{value} is not of type \"string\"")),
            },
            "uniqueItems" => expect(value.is_boolean(), here, || format!("{value} is not of type \"boolean\"")),
            "$ref" => match value.as_str() {
                Some(reference) => {
                    self.references.push((here.to_owned(), reference.to_owned()));
                    Ok(())
                }
                None => bad(here, format!("{value} is not of type \"string\"")),
            },
            "$anchor" => match value.as_str() {
                Some(name) => {
                    self.checker.anchors.insert(name.to_owned(), at.to_owned());
                    Ok(())
                }
                None => bad(here, format!("{value} is not of type \"string\"")),
            },
            // An inner `$id` changes what the references below it mean.
            "$id" => expect(at.is_empty() || value == &self.root["$id"], here, || {
                "this build knows `$id` for the whole schema only".to_owned()
            }),
            _ if COUNTS.contains(&keyword) => {
                expect(count(value).is_some(), here, || format!("{value} is not a whole number of at least 0"))
            }
            _ if LIMITS.contains(&keyword) => {
                let positive = keyword != "multipleOf" || value.as_f64().is_some_and(|divisor| divisor > 0.0);
                expect(value.is_number() && positive, here, || format!("{value} is not a number that can be a limit"))
            }
            _ => Ok(()),
        }
    }

    fn pattern(&mut self, pattern: &str, at: &str) -> Outcome {
        match RegexBuilder::new(pattern).size_limit(PATTERN_SIZE).build() {
            Ok(regex) => {
                let weight = of_pattern(pattern);
                self.checker.patterns.insert(pattern.to_owned(), Pattern { regex, weight });
                Ok(())
            }
            Err(error) => bad(at, format!("the pattern {pattern:?} cannot be used: {error}")),
        }
    }
}

/// Schemas that apply themselves to one value again and again: no check of them would end.
struct Circles<'s> {
    checker: &'s Checker,
    root: &'s Value,
    done: HashSet<*const Value>,
    open: Vec<*const Value>,
}

impl<'s> Circles<'s> {
    fn all(&mut self, schema: &'s Value) -> Outcome {
        self.enter(schema)?;
        match schema {
            Value::Object(fields) => fields.values().try_for_each(|value| self.all(value)),
            Value::Array(items) => items.iter().try_for_each(|value| self.all(value)),
            _ => Ok(()),
        }
    }

    fn enter(&mut self, schema: &'s Value) -> Outcome {
        let here = ptr::from_ref(schema);
        if self.open.contains(&here) {
            return bad("", "a `$ref` leads back to itself".to_owned());
        }
        let Value::Object(fields) = schema else { return Ok(()) };
        if self.done.contains(&here) {
            return Ok(());
        }
        self.open.push(here);
        for (keyword, value) in fields {
            match value {
                Value::String(reference) if keyword == "$ref" => {
                    if let Some(target) = self.checker.resolve(self.root, reference) {
                        self.enter(target)?;
                    }
                }
                _ if !IN_PLACE.contains(&keyword.as_str()) => {}
                Value::Array(schemas) => schemas.iter().try_for_each(|schema| self.enter(schema))?,
                Value::Object(schemas) if keyword == "dependentSchemas" => {
                    schemas.values().try_for_each(|schema| self.enter(schema))?;
                }
                schema => self.enter(schema)?,
            }
        }
        self.open.pop();
        self.done.insert(here);
        Ok(())
    }
}

/// A count that a keyword gives; `2.0` is one too.
pub(super) fn count(value: &Value) -> Option<u64> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and not negative; it saturates")]
    let whole = |number: f64| (number >= 0.0 && number.fract() == 0.0).then_some(number as u64);
    value.as_u64().or_else(|| value.as_f64().and_then(whole))
}

fn bad<T>(at: &str, reason: String) -> Result<T, BadSchema> {
    Err(BadSchema { path: at.to_owned(), reason, is_too_complex: false })
}

fn expect(right: bool, at: &str, reason: impl FnOnce() -> String) -> Outcome {
    if right { Ok(()) } else { bad(at, reason()) }
}

fn object<'s>(value: &'s Value, at: &str) -> Result<&'s Map<String, Value>, BadSchema> {
    value.as_object().map_or_else(|| bad(at, format!("{value} is not of type \"object\"")), Ok)
}

fn list<'s>(value: &'s Value, at: &str) -> Result<&'s [Value], BadSchema> {
    value.as_array().map_or_else(|| bad(at, format!("{value} is not of type \"array\"")), |list| Ok(list.as_slice()))
}

fn strings(value: &Value, at: &str) -> Outcome {
    let all = list(value, at)?.iter().all(Value::is_string);
    expect(all, at, || format!("{value} is not a list of names"))
}
