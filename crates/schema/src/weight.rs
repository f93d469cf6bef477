//! How much work a schema asks for, told before any of it is done. Schemas come from servers and documents of other people.

use std::collections::{HashMap, HashSet};
use std::ptr;

use serde_json::Value;

use crate::BadSchema;
use crate::reference::References;

/// The longest path through a schema, references followed: what walks it recurses as deep.
pub(crate) const MAX_PATH: usize = 500;
/// JSON values in a schema.
const MAX_VALUES: usize = 200_000;
const MAX_PATTERNS: usize = 2_000;
/// What all patterns of a schema weigh: compiled, each takes memory by its weight.
const MAX_PATTERN_WEIGHT: u64 = 40_000;
/// What one pattern may weigh.
const MAX_WEIGHT_OF_ONE: u64 = 4_000;
/// Schemas that those with `unevaluatedProperties` or `unevaluatedItems` look through, all together: a validator writes them out.
const MAX_LOOKED_THROUGH: u64 = 20_000;
pub(crate) const LOOK_THROUGH: [&str; 2] = ["unevaluatedProperties", "unevaluatedItems"];
/// Keywords whose schemas look at the very value that the schema looks at.
pub(crate) const IN_PLACE: [&str; 8] = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"];
/// Bytes of one pattern.
const MAX_PATTERN: usize = 4_096;
/// Bytes that a compiled pattern may take.
pub(crate) const PATTERN_SIZE: usize = 4 << 20;

/// Weighs a schema, and finds the patterns that are too large to be checked.
///
/// # Errors
/// If it is too complex to be used.
pub(crate) fn weigh(schema: &Value, references: &References) -> Result<(Weight, HashSet<String>), BadSchema> {
    let mut scale = Scale {
        root: schema,
        references,
        known: HashMap::new(),
        in_place: HashMap::new(),
        values: 0,
        patterns: 0,
        too_large: HashSet::new(),
        pattern_weight: 0,
        looked_through: 0,
    };
    Ok((scale.weigh(schema, 0)?, scale.too_large))
}

/// What a schema weighs.
#[derive(Clone, Copy)]
pub(crate) struct Weight {
    /// What checking one small value takes at most; `u64::MAX` if the schema refers back to itself, so that only the value says.
    pub(crate) steps: u64,
    /// The longest path below.
    pub(crate) height: usize,
}

const RECURSIVE: Weight = Weight { steps: u64::MAX, height: 0 };

struct Scale<'s> {
    root: &'s Value,
    references: &'s References,
    /// None while the value is being weighed: who meets it then has gone in a circle.
    known: HashMap<*const Value, Option<Weight>>,
    /// How many schemas look at the same value as a schema does, itself included; none while they are being counted.
    in_place: HashMap<*const Value, Option<u64>>,
    values: usize,
    patterns: usize,
    too_large: HashSet<String>,
    pattern_weight: u64,
    looked_through: u64,
}

impl<'s> Scale<'s> {
    fn weigh(&mut self, value: &'s Value, depth: usize) -> Result<Weight, BadSchema> {
        if depth > MAX_PATH {
            return Err(BadSchema::too_complex(format!(
                "it is nested more than {MAX_PATH} levels deep, references followed"
            )));
        }
        let fields = match value {
            Value::Object(fields) => fields.values(),
            Value::Array(items) => {
                return self.sum(value, items.iter(), depth);
            }
            _ => {
                self.count()?;
                return Ok(Weight { steps: 1, height: 0 });
            }
        };
        self.sum(value, fields, depth)
    }

    fn sum(
        &mut self,
        value: &'s Value,
        inner: impl Iterator<Item = &'s Value>,
        depth: usize,
    ) -> Result<Weight, BadSchema> {
        let here = ptr::from_ref(value);
        match self.known.get(&here) {
            Some(Some(known)) if depth + known.height > MAX_PATH => return self.weigh(value, MAX_PATH + 1),
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Ok(RECURSIVE),
            None => {}
        }
        self.known.insert(here, None);
        self.count()?;
        let mut total = Weight { steps: 1 + self.of_patterns(value)?, height: 0 };
        let mut add = |weight: Weight| {
            total.steps = total.steps.saturating_add(weight.steps);
            total.height = total.height.max(weight.height + 1);
        };
        for value in inner {
            add(self.weigh(value, depth + 1)?);
        }
        if value.is_object() {
            let targets = self.references.targets(self.root, value);
            if targets.is_unbounded {
                add(RECURSIVE);
            }
            for target in targets.schemas {
                add(self.weigh(target, depth + 1)?);
            }
        }
        if LOOK_THROUGH.iter().any(|keyword| value.get(keyword).is_some()) {
            self.looked_through = self.looked_through.saturating_add(self.in_place(value));
            if self.looked_through > MAX_LOOKED_THROUGH {
                let what = "its `unevaluatedProperties` and `unevaluatedItems` look through";
                return Err(BadSchema::too_complex(format!("{what} more than {MAX_LOOKED_THROUGH} schemas")));
            }
        }
        self.known.insert(here, Some(total));
        Ok(total)
    }

    fn in_place(&mut self, schema: &'s Value) -> u64 {
        let Value::Object(fields) = schema else { return 1 };
        let here = ptr::from_ref(schema);
        if let Some(known) = self.in_place.get(&here) {
            return known.unwrap_or(u64::MAX);
        }
        self.in_place.insert(here, None);
        let mut inner = self.references.targets(self.root, schema).schemas;
        for (_, value) in fields.iter().filter(|(keyword, _)| IN_PLACE.contains(&keyword.as_str())) {
            match value {
                Value::Array(schemas) => inner.extend(schemas),
                value => inner.push(value),
            }
        }
        if let Some(Value::Object(schemas)) = fields.get("dependentSchemas") {
            inner.extend(schemas.values());
        }
        let total = inner.into_iter().fold(1_u64, |sum, schema| sum.saturating_add(self.in_place(schema)));
        self.in_place.insert(here, Some(total));
        total
    }

    fn of_patterns(&mut self, schema: &Value) -> Result<u64, BadSchema> {
        let mut steps = 0;
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
            match self.of_one(pattern) {
                Some(weight) => steps += weight / 8,
                // Most are limits of length, which the API has too.
                None => drop(self.too_large.insert(pattern.to_owned())),
            }
        }
        for (pattern, _) in schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten() {
            let too_large =
                || BadSchema::too_complex("the patterns of its `patternProperties` are too large".to_owned());
            steps += self.of_one(pattern).ok_or_else(too_large)? / 8;
        }
        Ok(steps)
    }

    /// What a pattern weighs; none if that is too much.
    fn of_one(&mut self, pattern: &str) -> Option<u64> {
        let weight = if pattern.len() <= MAX_PATTERN { of_pattern(pattern) } else { u64::MAX };
        let total = self.pattern_weight.saturating_add(weight);
        if weight > MAX_WEIGHT_OF_ONE || total > MAX_PATTERN_WEIGHT || self.patterns >= MAX_PATTERNS {
            return None;
        }
        self.patterns += 1;
        self.pattern_weight = total;
        Some(weight)
    }

    fn count(&mut self) -> Result<(), BadSchema> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(BadSchema::too_complex(format!("it consists of more than {MAX_VALUES} JSON values")));
        }
        Ok(())
    }
}

/// How many states a pattern has, about: what matching costs for each character at worst. Repeated parts count as often as they
/// may be repeated.
pub(crate) fn of_pattern(pattern: &str) -> u64 {
    let mut groups: Vec<u64> = Vec::new();
    let (mut sum, mut last) = (0_u64, 0_u64);
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '(' => {
                groups.push(sum);
                (sum, last) = (0, 0);
            }
            ')' => {
                last = sum;
                sum = groups.pop().unwrap_or_default().saturating_add(sum);
            }
            '{' => {
                let inside: String = rest.by_ref().take_while(|c| *c != '}').collect();
                let times = inside.split(',').filter_map(|number| number.trim().parse::<u64>().ok()).max().unwrap_or(1);
                sum = sum.saturating_add(last.saturating_mul(times.saturating_sub(1)));
                last = last.saturating_mul(times);
            }
            // What is repeated further is still the same part.
            '?' | '*' | '+' => sum = sum.saturating_add(1),
            '[' => {
                last = 2;
                while let Some(c) = rest.next() {
                    match c {
                        '\\' => last += rest.next().map_or(0, of_class),
                        '^' => last += 2,
                        ']' => break,
                        _ => {}
                    }
                }
                sum = sum.saturating_add(last);
            }
            '\\' => {
                let class = rest.next();
                last = class.map_or(1, of_class);
                // Its name is a letter or in braces.
                if matches!(class, Some('p' | 'P')) && rest.next() == Some('{') {
                    rest.by_ref().find(|c| *c == '}');
                }
                sum = sum.saturating_add(last);
            }
            '.' => {
                last = 4;
                sum = sum.saturating_add(last);
            }
            _ => {
                last = 1;
                sum = sum.saturating_add(last);
            }
        }
    }
    groups.into_iter().fold(sum, u64::saturating_add).max(1)
}

/// Classes of Unicode have hundreds of ranges.
fn of_class(letter: char) -> u64 {
    match letter {
        'w' | 'W' | 'p' | 'P' => 40,
        's' | 'S' | 'd' | 'D' => 8,
        _ => 1,
    }
}

/// The schema without these patterns.
pub(crate) fn without(schema: &Value, patterns: &HashSet<String>) -> Value {
    match schema {
        Value::Object(fields) => {
            let is_kept = |(name, value): &(&String, &Value)| {
                *name != "pattern" || !value.as_str().is_some_and(|pattern| patterns.contains(pattern))
            };
            fields.iter().filter(is_kept).map(|(name, value)| (name.clone(), without(value, patterns))).collect()
        }
        Value::Array(items) => items.iter().map(|item| without(item, patterns)).collect(),
        other => other.clone(),
    }
}

/// How large a value is: one for each JSON value and name, and more for long texts. Stops counting at `limit`.
pub(crate) fn of_value(value: &Value, limit: u64) -> u64 {
    let mut open = vec![value];
    let mut total = 0_u64;
    let text = |text: &str| 1 + text.len() as u64 / 64;
    while let Some(value) = open.pop() {
        total += match value {
            Value::String(it) => text(it),
            Value::Array(items) => {
                open.extend(items);
                1
            }
            Value::Object(fields) => {
                open.extend(fields.values());
                1 + fields.keys().map(|name| text(name)).sum::<u64>()
            }
            _ => 1,
        };
        if total + open.len() as u64 >= limit {
            return limit;
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pattern_weighs_what_its_repetitions_write_out() {
        assert_eq!(of_pattern("^abc$"), 5);
        assert_eq!(of_pattern("a{1000}"), 1_000);
        assert_eq!(of_pattern("(a{10}){10}"), 100);
        assert_eq!(of_pattern("((a{100}){100}){100}b"), 1_000_001);
        assert_eq!(of_pattern(r"[^\]a]{2,30}"), 150);
        assert_eq!(of_pattern(r"\d{3}"), 24);
        assert_eq!(of_pattern(r"\pL{90}"), 3_600);
        assert_eq!(of_pattern(r"\p{Lu}{90}"), 3_600);
        assert_eq!(of_pattern("(a{300})?{100}"), 30_001);
        assert_eq!(of_pattern("a{300}{100}"), 30_000);
        assert_eq!(of_pattern(&format!("{}a{}", "(".repeat(9), "{1000})".repeat(9))), u64::MAX);
    }

    #[test]
    fn a_value_weighs_its_parts_and_its_texts() {
        assert_eq!(of_value(&json!(1), 100), 1);
        assert_eq!(of_value(&json!({"a": [1, 2]}), 100), 5);
        assert_eq!(of_value(&json!("x".repeat(640)), 100), 11);
        assert_eq!(of_value(&json!(vec![0; 5_000]), 100), 100);
    }
}
