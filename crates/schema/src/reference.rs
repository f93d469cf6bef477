//! What a schema's references may refer to, as an upper bound: for knowing what a check costs, not for checking.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ptr;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::BadSchema;

/// Schemas of schemas. Those are known to checkers, though they are nowhere in the schema.
const META_SCHEMAS: &str = "json-schema.org/";
const MAX_IDS: usize = 100;

/// The names that parts of a schema have, each with the JSON pointers of those that have it.
#[derive(Debug, Default)]
pub(crate) struct References {
    /// By the last part of `$id`.
    ids: HashMap<String, Vec<String>>,
    /// By `$anchor` and `$dynamicAnchor`.
    anchors: HashMap<String, Vec<String>>,
}

/// What a schema refers to.
pub(crate) struct Targets<'s> {
    pub(crate) schemas: Vec<&'s Value>,
    /// Whether it refers to more than can be told, such as a schema of schemas.
    pub(crate) is_unbounded: bool,
}

impl References {
    /// Reads the names in a schema, no deeper than `deepest` levels.
    ///
    /// # Errors
    /// If there are so many that to look references up would take long.
    pub(crate) fn of(schema: &Value, deepest: usize) -> Result<Self, BadSchema> {
        let mut found = Self::default();
        found.read(schema, &mut Vec::new(), deepest);
        if found.ids.values().map(Vec::len).sum::<usize>() > MAX_IDS {
            return Err(BadSchema::too_complex(format!("it has more than {MAX_IDS} schemas with an `$id`")));
        }
        if found.anchors.values().any(|pointers| pointers.len() > MAX_IDS) {
            return Err(BadSchema::too_complex(format!("it has more than {MAX_IDS} schemas with the same `$anchor`")));
        }
        Ok(found)
    }

    fn read<'s>(&mut self, value: &'s Value, path: &mut Vec<Cow<'s, str>>, deepest: usize) {
        if path.len() > deepest {
            return;
        }
        match value {
            Value::Object(fields) => {
                let text = |keyword| fields.get(keyword).and_then(Value::as_str);
                let id = text("$id").or_else(|| text("id").filter(|id| id.contains([':', '#', '/'])));
                if let Some(id) = id {
                    self.ids.entry(last_part(id).to_owned()).or_default().push(pointer(path));
                }
                for anchor in text("$anchor").into_iter().chain(text("$dynamicAnchor")) {
                    self.anchors.entry(anchor.to_owned()).or_default().push(pointer(path));
                }
                for (name, inner) in fields {
                    path.push(Cow::Borrowed(name));
                    self.read(inner, path, deepest);
                    path.pop();
                }
            }
            Value::Array(items) => {
                for (index, inner) in items.iter().enumerate() {
                    path.push(Cow::Owned(index.to_string()));
                    self.read(inner, path, deepest);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    /// What the references beside each other in one schema may refer to.
    pub(crate) fn targets<'s>(&self, root: &'s Value, schema: &Value) -> Targets<'s> {
        let mut targets = Targets { schemas: Vec::new(), is_unbounded: false };
        if schema.get("$recursiveRef").is_some_and(Value::is_string) {
            targets.is_unbounded = true;
            targets.schemas.push(root);
        }
        for keyword in ["$ref", "$dynamicRef"] {
            let Some(reference) = schema.get(keyword).and_then(Value::as_str) else { continue };
            targets.is_unbounded |= keyword == "$dynamicRef" || reference.contains(META_SCHEMAS);
            self.resolve(root, reference, &mut targets.schemas);
        }
        targets
    }

    fn resolve<'s>(&self, root: &'s Value, reference: &str, found: &mut Vec<&'s Value>) {
        let (document, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let fragment = percent_decode_str(fragment).decode_utf8_lossy();
        let mut add = |target: Option<&'s Value>| {
            if let Some(target) = target.filter(|target| !found.iter().any(|known| ptr::eq(*known, *target))) {
                found.push(target);
            }
        };
        if !fragment.is_empty() && !fragment.starts_with('/') {
            let named = self.anchors.get(fragment.as_ref()).into_iter().flatten();
            return named.for_each(|pointer| add(root.pointer(pointer)));
        }
        add(root.pointer(&fragment));
        // A fragment alone belongs to the resource that it lies in, which may be any of them.
        let is_of = |id: &&String| document.is_empty() || *id == last_part(document);
        for resource in self.ids.iter().filter(|(id, _)| is_of(id)).flat_map(|(_, pointers)| pointers) {
            add(root.pointer(&format!("{resource}{fragment}")));
        }
    }
}

fn last_part(id: &str) -> &str {
    let id = id.split_once('#').map_or(id, |(id, _)| id);
    id.rsplit('/').next().unwrap_or(id)
}

fn pointer(path: &[Cow<'_, str>]) -> String {
    path.iter().map(|step| format!("/{}", escape(step))).collect()
}

/// A name as part of a JSON pointer.
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
