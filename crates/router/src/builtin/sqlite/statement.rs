//! Statements: parameters in, rows out.

use composio_contract::{Error, RawJson, Result};
use data_encoding::BASE64;
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::types::{Value as SqlValue, ValueRef};
use rusqlite::{Batch, Connection, Row, Statement};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::guard::Failure;
use super::{Column, ExecuteResult, Rows, Table};

/// The most rows that a change returns.
const MAX_RETURNED: usize = 1_000;

/// Values for a statement's parameters.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(super) enum Parameters {
    /// By position.
    List(Vec<Value>),
    /// By name.
    Named(Map<String, Value>),
}

impl Default for Parameters {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Parameters {
    fn is_empty(&self) -> bool {
        match self {
            Self::List(values) => values.is_empty(),
            Self::Named(values) => values.is_empty(),
        }
    }

    fn bind(&self, statement: &mut Statement<'_>) -> Result<(), Failure> {
        let count = statement.parameter_count();
        match self {
            Self::List(values) if values.len() != count => {
                return Err(wrong(format!(
                    "the statement has {count} parameters, but {} values were given",
                    values.len()
                )));
            }
            Self::List(values) => {
                for (index, value) in (1..).zip(values) {
                    statement.raw_bind_parameter(index, to_sql(value)?)?;
                }
            }
            Self::Named(values) => {
                let names: Vec<_> =
                    (1..=count).map(|index| statement.parameter_name(index).map(str::to_owned)).collect();
                let bare = |name: &str| name.trim_start_matches([':', '@', '$']).to_owned();
                for (index, name) in (1..).zip(&names) {
                    let Some(name) = name.as_deref() else {
                        return Err(wrong("the statement has `?` parameters: give a list, or name them".to_owned()));
                    };
                    let value = values.get(name).or_else(|| values.get(&bare(name)));
                    let value = value.ok_or_else(|| wrong(format!("no value was given for the parameter {name}")))?;
                    statement.raw_bind_parameter(index, to_sql(value)?)?;
                }
                let is_known = |given: &str| names.iter().flatten().any(|name| name == given || bare(name) == given);
                if let Some(unknown) = values.keys().find(|given| !is_known(given)) {
                    return Err(wrong(format!("the statement has no parameter {unknown:?}")));
                }
            }
        }
        Ok(())
    }
}

fn wrong(message: String) -> Failure {
    Failure::Other(Error::validation(message))
}

/// Runs one statement that changes nothing; answers at most `limit` rows and `budget` bytes of JSON.
pub(super) fn query(
    connection: &Connection,
    sql: &str,
    parameters: &Parameters,
    limit: usize,
    budget: usize,
) -> Result<Rows, Failure> {
    let mut statements = Batch::new(connection, sql);
    let Some(mut statement) = statements.next()? else { return Err(wrong("there is no statement".to_owned())) };
    if statements.next()?.is_some() {
        return Err(wrong("there are several statements; run one at a time".to_owned()));
    }
    if !statement.readonly() {
        return Err(wrong("the statement changes something; use SQLITE_EXECUTE".to_owned()));
    }
    parameters.bind(&mut statement)?;
    rows(&mut statement, limit, budget)
}

/// Runs one statement, or several without parameters. The last one's rows are answered.
pub(super) fn execute(
    connection: &Connection,
    sql: &str,
    parameters: &Parameters,
    budget: usize,
) -> Result<ExecuteResult, Failure> {
    let before = connection.total_changes();
    let mut statements = Batch::new(connection, sql);
    let mut returned = None;
    let mut count = 0;
    while let Some(mut statement) = statements.next()? {
        count += 1;
        if count > 1 && !parameters.is_empty() {
            return Err(wrong("parameters work with one statement only; run one at a time".to_owned()));
        }
        if count > 1 || !parameters.is_empty() || statement.parameter_count() > 0 {
            parameters.bind(&mut statement)?;
        }
        let rows = rows(&mut statement, MAX_RETURNED, budget)?;
        returned = (!rows.columns.is_empty()).then_some(rows);
    }
    if count == 0 {
        return Err(wrong("there is no statement".to_owned()));
    }
    let row = connection.last_insert_rowid();
    Ok(ExecuteResult {
        rows_affected: connection.total_changes() - before,
        last_insert_rowid: (row != 0).then_some(row),
        returned,
    })
}

/// Runs a statement to its end, whatever is kept of its rows: what it changes must not depend on it. One that changes
/// nothing ends at the limit.
fn rows(statement: &mut Statement<'_>, limit: usize, budget: usize) -> Result<Rows, Failure> {
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let mut left = budget.saturating_sub(columns.iter().map(|name| name.len() + 3).sum());
    let mut result = Rows { columns, rows: Vec::new(), truncated: false };
    let changes = !statement.readonly();
    let mut cursor = statement.raw_query();
    while let Some(row) = cursor.next()? {
        if result.truncated {
            continue;
        }
        if result.rows.len() < limit {
            let encoded = encode(row, width)?;
            let size = encoded.as_str().len() + 1;
            if size <= left {
                left -= size;
                result.rows.push(encoded);
                continue;
            }
            if result.rows.is_empty() && !changes {
                return Err(wrong(format!(
                    "the first row has {size} bytes, more than a result may have; select fewer columns, or parts with substr()"
                )));
            }
        }
        result.truncated = true;
        if !changes {
            break;
        }
    }
    Ok(result)
}

fn encode(row: &Row<'_>, width: usize) -> Result<RawJson, Failure> {
    let values = (0..width).map(|index| Ok(to_json(row.get_ref(index)?))).collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(RawJson::encode(&values)?)
}

fn to_json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        // JSON has no infinity; SQLite has no NaN.
        ValueRef::Real(number) if number == f64::INFINITY => "Infinity".into(),
        ValueRef::Real(number) if number == f64::NEG_INFINITY => "-Infinity".into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(bytes) => json!({ "base64": BASE64.encode(bytes) }),
    }
}

fn to_sql(value: &Value) -> Result<SqlValue, Failure> {
    Ok(match value {
        Value::Null => SqlValue::Null,
        Value::Bool(flag) => SqlValue::Integer((*flag).into()),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(integer), ..) => SqlValue::Integer(integer),
            (None, Some(large), _) => {
                return Err(wrong(format!("{large} is too large for an integer of SQLite; pass it as text")));
            }
            (None, None, Some(real)) => SqlValue::Real(real),
            (None, None, None) => return Err(wrong(format!("{number} is out of range"))),
        },
        Value::String(text) => SqlValue::Text(text.clone()),
        Value::Object(fields) if fields.len() == 1 && fields.contains_key("base64") => {
            let text = fields.get("base64").and_then(Value::as_str).unwrap_or_default();
            let bytes = BASE64.decode(text.as_bytes());
            SqlValue::Blob(bytes.map_err(|error| wrong(format!("a blob parameter is not base64: {error}")))?)
        }
        Value::Array(_) | Value::Object(_) => {
            return Err(wrong(
                "a parameter is a list or an object; pass it as JSON text, a blob as {\"base64\": ...}".into(),
            ));
        }
    })
}

/// Tables and views with their columns.
pub(super) fn tables(connection: &Connection) -> Result<Vec<Table>, Failure> {
    let mut statement = connection.prepare(
        "SELECT t.name, t.type, coalesce(t.sql, ''), c.name, c.type, c.\"notnull\", c.pk > 0
         FROM sqlite_schema AS t JOIN pragma_table_xinfo(t.name) AS c
         WHERE t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!'
         ORDER BY t.rowid, c.cid",
    )?;
    let mut tables: Vec<Table> = Vec::new();
    let mut cursor = statement.raw_query();
    while let Some(row) = cursor.next()? {
        let name: String = row.get(0)?;
        let column = Column { name: row.get(3)?, r#type: row.get(4)?, not_null: row.get(5)?, primary_key: row.get(6)? };
        match tables.last_mut() {
            Some(table) if table.name == name => table.columns.push(column),
            _ => tables.push(Table { name, kind: row.get(1)?, columns: vec![column], sql: row.get(2)? }),
        }
    }
    Ok(tables)
}
