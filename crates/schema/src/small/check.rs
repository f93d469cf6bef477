//! Walks a schema and a value together.

use std::cmp::Ordering;
use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

use super::Checker;
use super::compile::{TYPES, count, escape};
use crate::fault::{Fault, Kind};
use crate::problem::{Invalid, list, literal};

pub(super) fn faults<'a>(checker: &Checker, root: &'a Value, value: &'a Value) -> Vec<Fault<'a>> {
    let mut found = Vec::new();
    Walk { checker, root }.schema(root, value, &Place::Root, &mut found);
    found
}

/// Where in the value a walk is.
enum Place<'p> {
    Root,
    Field(&'p Place<'p>, &'p str),
    Item(&'p Place<'p>, usize),
}

impl Place<'_> {
    fn pointer(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Field(parent, name) => {
                format!("{}/{}", parent.pointer(), escape(name))
            }
            Self::Item(parent, index) => {
                let mut pointer = parent.pointer();
                // Writing to a `String` cannot fail.
                let _ = write!(pointer, "/{index}");
                pointer
            }
        }
    }
}

struct Walk<'w, 'a> {
    checker: &'w Checker,
    root: &'a Value,
}

type Found<'a> = Vec<Fault<'a>>;

impl<'a> Walk<'_, 'a> {
    fn fits(&self, schema: &'a Value, value: &'a Value) -> bool {
        self.faults(schema, value, &Place::Root).is_empty()
    }

    fn faults(&self, schema: &'a Value, value: &'a Value, place: &Place<'_>) -> Found<'a> {
        let mut found = Vec::new();
        self.schema(schema, value, place, &mut found);
        found
    }

    fn schema(&self, schema: &'a Value, value: &'a Value, place: &Place<'_>, found: &mut Found<'a>) {
        let fields = match schema {
            Value::Object(fields) => fields,
            Value::Bool(false) => {
                found.push(Fault { at: place.pointer(), given: value, schema: None, kind: Kind::forbidden() });
                return;
            }
            _ => return,
        };
        if let Some(reference) = fields.get("$ref").and_then(Value::as_str)
            && let Some(target) = self.checker.resolve(self.root, reference)
        {
            self.schema(target, value, place, found);
            if self.checker.references_alone {
                return;
            }
        }
        let holder = Holder { schema, fields, value, place };
        // What is missing is said last: it may be what an unknown property was meant to be.
        let required = fields.get_key_value("required");
        for (keyword, wanted) in fields.iter().filter(|(keyword, _)| *keyword != "required").chain(required) {
            self.any_value(&holder, keyword, wanted, found);
            match value {
                Value::Object(given) => self.object(&holder, given, keyword, wanted, found),
                Value::Array(given) => self.array(&holder, given, keyword, wanted, found),
                Value::String(given) => self.string(&holder, given, keyword, wanted, found),
                Value::Number(given) => number(&holder, given, keyword, wanted, found),
                Value::Null | Value::Bool(_) => {}
            }
        }
    }

    fn any_value(&self, holder: &Holder<'a, '_>, keyword: &str, wanted: &'a Value, found: &mut Found<'a>) {
        let Holder { fields, value, place, .. } = *holder;
        match (keyword, wanted) {
            ("type", _) => {
                let names = wanted.as_array().map_or(std::slice::from_ref(wanted), Vec::as_slice);
                let names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
                if !names.iter().any(|name| is_of(value, name)) {
                    holder.add(found, Kind::Type(names.into_iter().filter_map(known).collect()));
                }
            }
            ("enum", Value::Array(options)) if !options.iter().any(|option| same(option, value)) => {
                holder.add(found, Kind::Expected(format!("one of {}", list(wanted))));
            }
            ("const", _) if !same(wanted, value) => holder.add(found, Kind::Expected(literal(wanted))),
            ("allOf", Value::Array(all)) => all.iter().for_each(|schema| self.schema(schema, value, place, found)),
            ("anyOf", Value::Array(any)) if !any.iter().any(|schema| self.fits(schema, value)) => {
                holder.add(found, self.alternatives(any, holder));
            }
            ("oneOf", Value::Array(one)) => match one.iter().filter(|schema| self.fits(schema, value)).count() {
                0 => holder.add(found, self.alternatives(one, holder)),
                1 => {}
                _ => holder.add(found, Kind::Ambiguous),
            },
            ("not", _) if self.fits(wanted, value) => holder.add(found, Kind::Not),
            ("if", _) => {
                let branch = if self.fits(wanted, value) { "then" } else { "else" };
                if let Some(schema) = fields.get(branch) {
                    self.schema(schema, value, place, found);
                }
            }
            _ => {}
        }
    }

    fn alternatives(&self, schemas: &'a [Value], holder: &Holder<'a, '_>) -> Kind<'a> {
        Kind::Alternatives(schemas.iter().map(|schema| self.faults(schema, holder.value, holder.place)).collect())
    }

    fn object(
        &self,
        holder: &Holder<'a, '_>,
        given: &'a Map<String, Value>,
        keyword: &str,
        wanted: &'a Value,
        found: &mut Found<'a>,
    ) {
        let place = holder.place;
        match (keyword, wanted) {
            ("properties", Value::Object(properties)) => {
                for (name, schema) in properties {
                    if let Some(value) = given.get(name) {
                        self.schema(schema, value, &Place::Field(place, name), found);
                    }
                }
            }
            ("patternProperties", Value::Object(patterns)) => {
                for (pattern, schema) in patterns {
                    for (name, value) in given.iter().filter(|(name, _)| self.matches(pattern, name)) {
                        self.schema(schema, value, &Place::Field(place, name), found);
                    }
                }
            }
            ("additionalProperties", schema) => {
                let others = given.iter().filter(|(name, _)| !self.is_named(holder.fields, name));
                if schema == &Value::Bool(false) {
                    let names: Vec<_> = others.map(|(name, _)| name.clone()).collect();
                    if !names.is_empty() {
                        holder.add(found, Kind::Unknown(names));
                    }
                } else {
                    others.for_each(|(name, value)| self.schema(schema, value, &Place::Field(place, name), found));
                }
            }
            ("propertyNames", schema) => {
                for name in given.keys() {
                    let wrong = said(self.checker, self.root, schema, &Value::String(name.clone()));
                    if let Some(wrong) = wrong {
                        holder.add(found, Kind::Says(format!("has a property whose name is wrong: {wrong}")));
                    }
                }
            }
            ("required", names) => require(holder, given, names, found),
            ("dependentRequired", Value::Object(all)) => {
                all.iter().filter(|(name, _)| given.contains_key(*name)).for_each(|(_, names)| {
                    require(holder, given, names, found);
                });
            }
            ("dependentSchemas" | "dependencies", Value::Object(all)) => {
                for (_, dependency) in all.iter().filter(|(name, _)| given.contains_key(*name)) {
                    match dependency {
                        Value::Array(_) => require(holder, given, dependency, found),
                        schema => self.schema(schema, holder.value, place, found),
                    }
                }
            }
            ("minProperties", _) => at_least(holder, given.len(), wanted, Kind::min_properties, found),
            ("maxProperties", _) => at_most(holder, given.len(), wanted, Kind::max_properties, found),
            _ => {}
        }
    }

    fn is_named(&self, fields: &Map<String, Value>, name: &str) -> bool {
        let has = |keyword: &str| fields.get(keyword).and_then(Value::as_object);
        has("properties").is_some_and(|properties| properties.contains_key(name))
            || has("patternProperties").is_some_and(|all| all.keys().any(|pattern| self.matches(pattern, name)))
    }

    fn matches(&self, pattern: &str, text: &str) -> bool {
        self.checker.patterns.get(pattern).is_some_and(|regex| regex.is_match(text))
    }

    fn array(
        &self,
        holder: &Holder<'a, '_>,
        given: &'a [Value],
        keyword: &str,
        wanted: &'a Value,
        found: &mut Found<'a>,
    ) {
        let place = holder.place;
        let mut each = |schema: &'a Value, from: usize| {
            for (index, value) in given.iter().enumerate().skip(from) {
                self.schema(schema, value, &Place::Item(place, index), found);
            }
        };
        match (keyword, wanted) {
            ("prefixItems" | "items", Value::Array(schemas)) => {
                for ((index, value), schema) in given.iter().enumerate().zip(schemas) {
                    self.schema(schema, value, &Place::Item(place, index), found);
                }
            }
            ("items", schema) => {
                let first = holder.fields.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
                each(schema, first);
            }
            ("additionalItems", schema) => {
                if let Some(Value::Array(first)) = holder.fields.get("items") {
                    if schema == &Value::Bool(false) && given.len() > first.len() {
                        holder.add(found, Kind::max_items(first.len() as u64));
                    } else {
                        each(schema, first.len());
                    }
                }
            }
            ("contains", schema) => {
                let matching = given.iter().filter(|value| self.fits(schema, value)).count() as u64;
                let least = holder.fields.get("minContains").and_then(count).unwrap_or(1);
                let most = holder.fields.get("maxContains").and_then(count).unwrap_or(u64::MAX);
                let wrong = match matching {
                    _ if matching < least => format!("at least {least}"),
                    _ if matching > most => format!("at most {most}"),
                    _ => return,
                };
                holder.add(found, Kind::Says(format!("holds {matching} items of the kind wanted; expected {wrong}")));
            }
            ("uniqueItems", Value::Bool(true)) => {
                let repeated = |(index, one): (usize, &Value)| given.iter().skip(index + 1).any(|two| same(one, two));
                if given.iter().enumerate().any(repeated) {
                    holder.add(found, Kind::unique());
                }
            }
            ("minItems", _) => at_least(holder, given.len(), wanted, Kind::min_items, found),
            ("maxItems", _) => at_most(holder, given.len(), wanted, Kind::max_items, found),
            _ => {}
        }
    }

    fn string(&self, holder: &Holder<'a, '_>, given: &str, keyword: &str, wanted: &'a Value, found: &mut Found<'a>) {
        match (keyword, wanted) {
            ("pattern", Value::String(pattern)) if !self.matches(pattern, given) => {
                holder.add(found, Kind::pattern(pattern));
            }
            ("minLength", _) => at_least(holder, given.chars().count(), wanted, Kind::min_length, found),
            ("maxLength", _) => at_most(holder, given.chars().count(), wanted, Kind::max_length, found),
            _ => {}
        }
    }
}

/// A schema, and the value that it looks at.
struct Holder<'a, 'p> {
    schema: &'a Value,
    fields: &'a Map<String, Value>,
    value: &'a Value,
    place: &'p Place<'p>,
}

impl<'a> Holder<'a, '_> {
    fn add(&self, found: &mut Found<'a>, kind: Kind<'a>) {
        found.push(Fault { at: self.place.pointer(), given: self.value, schema: Some(self.schema), kind });
    }
}

/// What is wrong with a value that lives shorter than the schema.
fn said(checker: &Checker, root: &Value, schema: &Value, value: &Value) -> Option<Invalid> {
    let faults = Walk { checker, root }.faults(schema, value, &Place::Root);
    (!faults.is_empty()).then(|| Invalid::new(faults.into_iter()))
}

fn require<'a>(holder: &Holder<'a, '_>, given: &Map<String, Value>, names: &Value, found: &mut Found<'a>) {
    let names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.filter(|name| !given.contains_key(*name)).for_each(|name| {
        holder.add(found, Kind::Required(name.to_owned()));
    });
}

fn at_least<'a>(
    holder: &Holder<'a, '_>,
    size: usize,
    limit: &Value,
    kind: impl FnOnce(u64) -> Kind<'a>,
    found: &mut Found<'a>,
) {
    if let Some(limit) = count(limit)
        && (size as u64) < limit
    {
        holder.add(found, kind(limit));
    }
}

fn at_most<'a>(
    holder: &Holder<'a, '_>,
    size: usize,
    limit: &Value,
    kind: impl FnOnce(u64) -> Kind<'a>,
    found: &mut Found<'a>,
) {
    if let Some(limit) = count(limit)
        && size as u64 > limit
    {
        holder.add(found, kind(limit));
    }
}

fn number<'a>(holder: &Holder<'a, '_>, given: &Number, keyword: &str, wanted: &'a Value, found: &mut Found<'a>) {
    let Value::Number(limit) = wanted else { return };
    let order = compare(given, limit);
    match keyword {
        "minimum" if order == Ordering::Less => holder.add(found, Kind::minimum(limit)),
        "maximum" if order == Ordering::Greater => holder.add(found, Kind::maximum(limit)),
        "exclusiveMinimum" if order != Ordering::Greater => holder.add(found, Kind::above(limit)),
        "exclusiveMaximum" if order != Ordering::Less => holder.add(found, Kind::below(limit)),
        "multipleOf" if !divides(limit, given) => holder.add(found, Kind::multiple_of(limit)),
        _ => {}
    }
}

/// An integer that fits 128 bits, whether it was written with a fraction of zero or not.
fn integer(number: &Number) -> Option<i128> {
    #[allow(clippy::cast_possible_truncation, reason = "whole, and well within 128 bits")]
    let whole = |float: f64| (float.fract() == 0.0 && float.abs() < 1e30).then_some(float as i128);
    number.as_i128().or_else(|| number.as_f64().and_then(whole))
}

fn compare(one: &Number, other: &Number) -> Ordering {
    if let (Some(one), Some(other)) = (integer(one), integer(other)) {
        return one.cmp(&other);
    }
    let float = |number: &Number| number.as_f64().unwrap_or(f64::NAN);
    float(one).partial_cmp(&float(other)).unwrap_or(Ordering::Equal)
}

fn divides(divisor: &Number, number: &Number) -> bool {
    if let (Some(divisor), Some(number)) = (integer(divisor), integer(number)) {
        return divisor != 0 && number % divisor == 0;
    }
    let float = |number: &Number| number.as_f64().unwrap_or(f64::NAN);
    let quotient = float(number) / float(divisor);
    // Decimal fractions such as 0.1 are not exact.
    (quotient - quotient.round()).abs() <= quotient.abs().max(1.0) * 1e-12
}

/// Equal as JSON Schema sees it: 1 is 1.0, and the order of fields does not count.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => compare(one, other) == Ordering::Equal,
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let field = |(name, value): (&String, &Value)| other.get(name).is_some_and(|other| same(value, other));
            one.len() == other.len() && one.iter().all(field)
        }
        _ => one == other,
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match value {
        Value::Null => kind == "null",
        Value::Bool(_) => kind == "boolean",
        Value::Number(number) => kind == "number" || (kind == "integer" && is_whole(number)),
        Value::String(_) => kind == "string",
        Value::Array(_) => kind == "array",
        Value::Object(_) => kind == "object",
    }
}

fn is_whole(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

fn known(name: &str) -> Option<&'static str> {
    TYPES.into_iter().find(|known| *known == name)
}
