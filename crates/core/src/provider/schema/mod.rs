//! A tool's schema as a provider takes it.
//!
//! JSON Schema says more than providers read, and they refuse a whole request for one keyword. So references and `allOf`
//! are written out, what a provider refuses is rewritten or, where it cannot be, left out, and each such place is
//! reported. A compiled schema never asks for more than the tool's own: what it no longer says is checked when the tool
//! runs, against the schema as it was.

mod compiler;
mod dialect;
mod gemini;
mod merge;
mod plain;
#[cfg(test)]
mod properties;
mod strict;

use composio_contract::RawJson;
use serde::Serialize;
use serde_json::{Map, Value};

use compiler::Compiler;
pub(super) use dialect::Dialect;

/// How deep a compiled schema may be at most.
const DEEPEST: usize = 10;
/// How deep it is where it would be too large: the first depth at which it is small enough, else the least.
const SHALLOWER: [usize; 5] = [7, 5, 4, 3, 2];
const LEAST: usize = 1;
/// How many bytes of schema are enough for one tool; a model reads all of it with each request.
const ENOUGH: usize = 32 * 1024;
/// How many bytes a schema of the least depth may have. What lies beyond accepts anything.
const MOST: usize = 512 * 1024;

/// What became of something in a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaChangeKind {
    /// It is gone.
    Dropped,
    /// It says the same in another way, or nearly.
    Rewritten,
}

/// A place where a provider does not take a tool's schema as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SchemaChange {
    /// The place in the schema that the provider gets, as a JSON pointer; empty for the whole of it.
    pub path: String,
    /// The keyword that it is about; empty where it is the schema itself.
    pub keyword: String,
    /// What became of it.
    pub change: SchemaChangeKind,
    /// Why.
    pub reason: String,
}

/// A schema for a provider.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) schema: Value,
    pub(super) changes: Vec<SchemaChange>,
    /// Why a model cannot be held to it; none where it can.
    pub(super) not_strict: Option<String>,
}

/// A schema as it is written for a provider.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Written<'a> {
    /// Word for word.
    AsItIs(&'a RawJson),
    /// By the compiler.
    Compiled(Value),
}

/// The schema of a tool's arguments as a provider takes it, and whether the provider is to hold a model to it.
pub(super) fn write(schema: Option<&RawJson>, dialect: Dialect) -> (Written<'_>, bool) {
    match schema {
        Some(schema) if plain::is_plain(schema, dialect) => (Written::AsItIs(schema), false),
        _ => {
            let Compiled { schema, not_strict, .. } = compile(schema, dialect);
            (Written::Compiled(schema), not_strict.is_none())
        }
    }
}

/// The schema of a tool's arguments as a provider takes it, and what that changes. Arguments are an object, whatever the
/// schema says.
pub(super) fn compile(schema: Option<&RawJson>, dialect: Dialect) -> Compiled {
    let root = match schema.map(|schema| schema.decode::<Value>("schema")) {
        Some(Ok(Value::Object(root))) => root,
        None | Some(Ok(Value::Null)) => Map::new(),
        Some(_) => {
            let reason = "it is no schema of an object, or nested too deep to be read".to_owned();
            let kind = SchemaChangeKind::Dropped;
            let change = SchemaChange { path: String::new(), keyword: String::new(), change: kind, reason };
            return Compiled { changes: vec![change], ..compiled(&Map::new().into(), dialect) };
        }
    };
    compiled(&root.into(), dialect)
}

fn compiled(root: &Value, dialect: Dialect) -> Compiled {
    let (schema, mut changes) = shrink(root, dialect);
    if dialect != Dialect::OpenAi {
        let reason = "the provider is not asked to hold a model to schemas".to_owned();
        return Compiled { schema, changes, not_strict: Some(reason) };
    }
    match strict::strict(&schema) {
        Ok((schema, more)) => {
            changes.extend(more);
            Compiled { schema, changes, not_strict: None }
        }
        Err(reason) => Compiled { schema, changes, not_strict: Some(reason) },
    }
}

fn shrink(root: &Value, dialect: Dialect) -> (Value, Vec<SchemaChange>) {
    for depth in std::iter::once(DEEPEST).chain(SHALLOWER) {
        let mut compiler = Compiler::new(root, dialect, depth, ENOUGH);
        let schema = compiler.arguments();
        if !compiler.is_full() {
            return (schema, compiler.into_changes());
        }
    }
    let mut compiler = Compiler::new(root, dialect, LEAST, MOST);
    (compiler.arguments(), compiler.into_changes())
}
