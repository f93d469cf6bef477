//! Walks a schema and a value together.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::ptr;

use serde_json::{Map, Number, Value};

use super::compile::{TYPES, count};
use super::{Checker, Pattern};
use crate::fault::{Fault, Kind, MAX_NESTING};
use crate::problem::{Invalid, MAX_FAULTS, list, literal};
use crate::reference::escape;

/// Steps of one check: some hundred milliseconds at most.
const STEPS: u64 = 500_000;
/// Answers of references that are kept, so that what is referred to again and again is looked at once.
const REMEMBERED: usize = 20_000;
/// How deep a walk may recurse, on a stack of two megabytes.
const DEEPEST: usize = 400;

/// There were not enough steps.
#[derive(Debug)]
pub(super) struct Spent;

pub(super) fn faults<'a>(checker: &Checker, root: &'a Value, value: &'a Value) -> Result<Vec<Fault<'a>>, Spent> {
    let budget = Budget { left: Cell::new(STEPS), depth: Cell::new(0) };
    let mut found = Found::new(MAX_FAULTS, 0);
    Walk { checker, root, budget: &budget, known: RefCell::default() }.schema(root, value, &Place::Root, &mut found);
    if budget.is_spent() { Err(Spent) } else { Ok(found.faults) }
}

/// What a check may still take. Once it is spent, walks end at once, and what they found means nothing.
struct Budget {
    left: Cell<u64>,
    depth: Cell<usize>,
}

impl Budget {
    /// Whether there were as many steps.
    fn spend(&self, steps: usize) -> bool {
        let left = self.left.get().saturating_sub(steps as u64);
        self.left.set(left);
        left > 0
    }

    fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// Goes one level deeper for some work, if that is not too deep.
    fn within(&self, work: impl FnOnce()) {
        if self.depth.get() >= DEEPEST {
            self.left.set(0);
            return;
        }
        self.depth.set(self.depth.get() + 1);
        work();
        self.depth.set(self.depth.get() - 1);
    }
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
    budget: &'w Budget,
    /// Whether values fit what was referred to, by both places in memory.
    known: RefCell<HashMap<(*const Value, *const Value), bool>>,
}

/// Faults, as many as are wanted.
struct Found<'a> {
    faults: Vec<Fault<'a>>,
    most: usize,
    /// How many alternatives they lie within.
    nesting: usize,
}

impl<'a> Found<'a> {
    fn new(most: usize, nesting: usize) -> Self {
        Self { faults: Vec::new(), most, nesting }
    }

    /// Whether one fault is as good as all.
    fn is_test(&self) -> bool {
        self.most == 1
    }

    fn is_full(&self) -> bool {
        self.faults.len() >= self.most
    }

    fn push(&mut self, fault: Fault<'a>) {
        if !self.is_full() {
            self.faults.push(fault);
        }
    }
}

impl<'a> Walk<'_, 'a> {
    fn fits(&self, schema: &'a Value, value: &'a Value) -> bool {
        let mut found = Found::new(1, 0);
        self.schema(schema, value, &Place::Root, &mut found);
        found.faults.is_empty()
    }

    fn schema(&self, schema: &'a Value, value: &'a Value, place: &Place<'_>, found: &mut Found<'a>) {
        if found.is_full() || !self.budget.spend(1) {
            return;
        }
        match schema {
            Value::Object(fields) => self.budget.within(|| self.keywords(schema, fields, value, place, found)),
            Value::Bool(false) => {
                found.push(Fault { at: place.pointer(), given: value, schema: None, kind: Kind::forbidden() });
            }
            _ => {}
        }
    }

    fn keywords(
        &self,
        schema: &'a Value,
        fields: &'a Map<String, Value>,
        value: &'a Value,
        place: &Place<'_>,
        found: &mut Found<'a>,
    ) {
        if let Some(reference) = fields.get("$ref").and_then(Value::as_str)
            && let Some(target) = self.checker.resolve(self.root, reference)
        {
            self.referred(target, value, place, found);
            if self.checker.references_alone {
                return;
            }
        }
        let holder = Holder { schema, fields, value, place };
        // What is missing is said last: it may be what an unknown property was meant to be.
        let required = fields.get_key_value("required");
        for (keyword, wanted) in fields.iter().filter(|(keyword, _)| *keyword != "required").chain(required) {
            if found.is_full() || !self.budget.spend(1) {
                return;
            }
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

    /// Of what is referred to, whether the value fits is found out once.
    fn referred(&self, target: &'a Value, value: &'a Value, place: &Place<'_>, found: &mut Found<'a>) {
        let key = (ptr::from_ref(target), ptr::from_ref(value));
        let known = self.known.borrow().get(&key).copied();
        match known {
            Some(true) => return,
            Some(false) if found.is_test() => {
                found.push(Fault { at: String::new(), given: value, schema: None, kind: Kind::forbidden() });
                return;
            }
            _ => {}
        }
        let before = found.faults.len();
        self.schema(target, value, place, found);
        let mut known = self.known.borrow_mut();
        if known.len() < REMEMBERED && !self.budget.is_spent() {
            known.insert(key, found.faults.len() == before);
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
            ("enum", Value::Array(options)) if !options.iter().any(|option| self.same(option, value)) => {
                holder.add(found, Kind::Expected(format!("one of {}", list(wanted))));
            }
            ("const", _) if !self.same(wanted, value) => holder.add(found, Kind::Expected(literal(wanted))),
            ("allOf", Value::Array(all)) => all.iter().for_each(|schema| self.schema(schema, value, place, found)),
            ("anyOf", Value::Array(any)) if !any.iter().any(|schema| self.fits(schema, value)) => {
                self.alternatives(any, holder, found);
            }
            ("oneOf", Value::Array(one)) => match one.iter().filter(|schema| self.fits(schema, value)).count() {
                0 => self.alternatives(one, holder, found),
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

    /// None of the alternatives fits.
    fn alternatives(&self, schemas: &'a [Value], holder: &Holder<'a, '_>, found: &mut Found<'a>) {
        if found.is_test() || found.nesting >= MAX_NESTING {
            return holder.add(found, Kind::none_fits(schemas.len()));
        }
        let each = schemas.iter().map(|schema| {
            let mut inner = Found::new(found.most, found.nesting + 1);
            self.schema(schema, holder.value, holder.place, &mut inner);
            inner.faults
        });
        let each = each.collect();
        holder.add(found, Kind::Alternatives(each));
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
                // Whichever are fewer.
                if properties.len() > given.len() {
                    for (name, value) in given {
                        if let Some(schema) = properties.get(name) {
                            self.schema(schema, value, &Place::Field(place, name), found);
                        }
                    }
                    return;
                }
                for (name, schema) in properties {
                    if let Some(value) = given.get(name) {
                        self.schema(schema, value, &Place::Field(place, name), found);
                    }
                }
            }
            ("patternProperties", Value::Object(patterns)) => {
                for (pattern, schema) in patterns {
                    let given = given.iter().take_while(|_| !self.budget.is_spent());
                    for (name, value) in given.filter(|(name, _)| self.matches(pattern, name)) {
                        self.schema(schema, value, &Place::Field(place, name), found);
                    }
                }
            }
            ("additionalProperties", schema) => {
                let given = given.iter().take_while(|_| !self.budget.is_spent());
                let others = given.filter(|(name, _)| !self.is_named(holder.fields, name));
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
                    let wrong = self.said(schema, &Value::String(name.clone()));
                    if let Some(wrong) = wrong {
                        holder.add(found, Kind::Says(format!("has a property whose name is wrong: {wrong}")));
                    }
                }
            }
            ("required", names) => self.require(holder, given, names, found),
            ("dependentRequired", Value::Object(all)) if self.budget.spend(all.len()) => {
                all.iter().filter(|(name, _)| given.contains_key(*name)).for_each(|(_, names)| {
                    self.require(holder, given, names, found);
                });
            }
            ("dependentSchemas" | "dependencies", Value::Object(all)) => {
                if !self.budget.spend(all.len()) {
                    return;
                }
                for (_, dependency) in all.iter().filter(|(name, _)| given.contains_key(*name)) {
                    match dependency {
                        Value::Array(_) => self.require(holder, given, dependency, found),
                        schema => self.schema(schema, holder.value, place, found),
                    }
                }
            }
            ("minProperties", _) => at_least(holder, given.len(), wanted, Kind::min_properties, found),
            ("maxProperties", _) => at_most(holder, given.len(), wanted, Kind::max_properties, found),
            _ => {}
        }
    }

    fn require(&self, holder: &Holder<'a, '_>, given: &Map<String, Value>, names: &Value, found: &mut Found<'a>) {
        let names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
        for name in names {
            if found.is_full() || !self.budget.spend(1) {
                return;
            }
            if !given.contains_key(name) {
                holder.add(found, Kind::Required(name.to_owned()));
            }
        }
    }

    fn is_named(&self, fields: &Map<String, Value>, name: &str) -> bool {
        let has = |keyword: &str| fields.get(keyword).and_then(Value::as_object);
        has("properties").is_some_and(|properties| properties.contains_key(name))
            || has("patternProperties").is_some_and(|all| all.keys().any(|pattern| self.matches(pattern, name)))
    }

    fn matches(&self, pattern: &str, text: &str) -> bool {
        let Some(Pattern { regex, weight }) = self.checker.patterns.get(pattern) else { return false };
        let steps = weight.saturating_mul(1 + text.len() as u64) / 32;
        self.budget.spend(usize::try_from(steps).unwrap_or(usize::MAX).saturating_add(1)) && regex.is_match(text)
    }

    /// What is wrong with a value that lives shorter than the schema.
    fn said(&self, schema: &Value, value: &Value) -> Option<Invalid> {
        let mut found = Found::new(MAX_FAULTS, MAX_NESTING);
        // What is known goes by places in memory, which such values have one after the other.
        let walk = Walk { checker: self.checker, root: self.root, budget: self.budget, known: RefCell::default() };
        walk.schema(schema, value, &Place::Root, &mut found);
        (!found.faults.is_empty()).then(|| Invalid::new(found.faults.into_iter()))
    }

    /// Equal as JSON Schema sees it: 1 is 1.0, and the order of fields does not count.
    fn same(&self, one: &Value, other: &Value) -> bool {
        if !self.budget.spend(1) {
            return false;
        }
        match (one, other) {
            (Value::Number(one), Value::Number(other)) => compare(one, other) == Ordering::Equal,
            (Value::Array(one), Value::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| self.same(one, other))
            }
            (Value::Object(one), Value::Object(other)) => {
                let field =
                    |(name, value): (&String, &Value)| other.get(name).is_some_and(|other| self.same(value, other));
                one.len() == other.len() && one.iter().all(field)
            }
            (Value::String(one), Value::String(other)) => {
                one.len() == other.len() && self.budget.spend(one.len() / 256) && one == other
            }
            _ => one == other,
        }
    }

    fn has_repeated(&self, items: &[Value]) -> bool {
        let mut texts = HashSet::new();
        let mut others: Vec<&Value> = Vec::new();
        for item in items {
            match item {
                Value::String(text) => {
                    if !self.budget.spend(1 + text.len() / 256) || !texts.insert(text) {
                        return true;
                    }
                }
                item if others.iter().any(|other| self.budget.is_spent() || self.same(item, other)) => return true,
                item => others.push(item),
            }
        }
        false
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
            ("uniqueItems", Value::Bool(true)) if self.has_repeated(given) => holder.add(found, Kind::unique()),
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
            ("minLength" | "maxLength", _) if !self.budget.spend(given.len() / 256) => {}
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
