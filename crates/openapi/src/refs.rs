//! Following references to where they end.

use serde_json::Value;

use crate::Refused;
use crate::document::Document;

/// How many references of references are followed.
pub(crate) const MAX_HOPS: usize = 16;

/// The reference that a value is, if it is one.
pub(crate) fn reference(value: &Value) -> Option<&str> {
    value.get("$ref").and_then(Value::as_str)
}

/// The value that text holds.
pub(crate) fn read(text: &str) -> Result<Value, Refused> {
    serde_json::from_str(text).map_err(|error| {
        let reason = error.to_string();
        if reason.contains("recursion limit") {
            return Refused::new("it is nested too deep: at most 128 levels are read");
        }
        Refused::new(reason)
    })
}

impl Document {
    /// The value itself, or what its reference leads to in the end. Members beside the last `$ref` win.
    pub(crate) fn resolve(&self, mut value: Value) -> Result<Value, Refused> {
        for _ in 0..MAX_HOPS {
            let Some(reference) = reference(&value).map(str::to_owned) else { return Ok(value) };
            let mut target = self.read(self.locate(&reference)?).map_err(|error| error.at(&reference))?;
            if let (Value::Object(target), Value::Object(here)) = (&mut target, value) {
                for name in ["description", "summary"] {
                    if let Some(text) = here.get(name) {
                        target.insert(name.to_owned(), text.clone());
                    }
                }
            }
            value = target;
        }
        let start = reference(&value).unwrap_or_default();
        Err(Refused::new(format!("the reference `{start}` goes in a circle, or through more than {MAX_HOPS} others")))
    }
}
