//! The `sqlite` toolkit: databases in the user's folder.

mod guard;
mod statement;

use composio_contract::{RawJson, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::guard::{Access, Database};
use self::statement::Parameters;
use super::Builtin;
use crate::source::{CallContext, Tag};
use crate::workspace::blocking;

/// What the result has beside its rows, in bytes of JSON, with much to spare.
const FRAME_BYTES: usize = 512;

/// The toolkit.
#[must_use]
pub fn toolkit() -> Builtin {
    Builtin::new("sqlite", "SQLite", "Queries and changes SQLite databases in the user's own folder.")
        .tool(
            "query",
            "Query a database",
            "Runs one SELECT (or another statement that changes nothing) and returns columns and rows. A blob comes as \
             {\"base64\": \"...\"}. See SQLITE_SCHEMA for tables and columns.",
            &[Tag::ReadOnly, Tag::Idempotent],
            query,
        )
        .tool(
            "execute",
            "Change a database",
            "Runs INSERT, UPDATE, DELETE, CREATE and the like; makes the database where there is none. Several statements, \
             separated by `;`, run only without parameters. All of a call's statements take effect or none does, so BEGIN \
             and COMMIT are refused, as are ATTACH, VACUUM and temporary tables.",
            &[Tag::Create, Tag::Update, Tag::Destructive],
            execute,
        )
        .tool(
            "schema",
            "Show a database's tables",
            "Lists tables and views with their columns and the SQL that made them.",
            &[Tag::ReadOnly, Tag::Idempotent],
            schema,
        )
}

fn default_database() -> String {
    "data.db".to_owned()
}

fn default_limit() -> usize {
    100
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct QueryArguments {
    /// One SQL statement that changes nothing.
    sql: String,
    /// Values for the statement's parameters: a list for `?`, an object for `:name`. A blob is {"base64": "..."}.
    #[serde(default)]
    parameters: Parameters,
    /// The database: a file at the top of the user's folder.
    #[serde(default = "default_database")]
    path: String,
    /// At most so many rows.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: usize,
}

/// Rows of a result.
#[derive(Default, Serialize, JsonSchema)]
struct Rows {
    /// The names of the columns.
    columns: Vec<String>,
    /// The rows, each a list of values in the columns' order.
    #[schemars(with = "Vec<Vec<Value>>")]
    rows: Vec<RawJson>,
    /// Whether there are more rows than were returned.
    truncated: bool,
}

async fn query(arguments: QueryArguments, context: CallContext) -> Result<Rows> {
    blocking::run(move |cancel| {
        let database = Database::open(&context, &arguments.path, Access::Read, cancel)?;
        let limit = arguments.limit.clamp(1, 1_000);
        let budget = context.output_limit.saturating_sub(FRAME_BYTES);
        database.run(|connection| statement::query(connection, &arguments.sql, &arguments.parameters, limit, budget))
    })
    .await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExecuteArguments {
    /// One SQL statement, or without parameters several, separated by `;`.
    sql: String,
    /// Values for the statement's parameters: a list for `?`, an object for `:name`. A blob is {"base64": "..."}.
    #[serde(default)]
    parameters: Parameters,
    /// The database: a file at the top of the user's folder.
    #[serde(default = "default_database")]
    path: String,
}

#[derive(Serialize, JsonSchema)]
struct ExecuteResult {
    /// How many rows were inserted, updated or deleted.
    rows_affected: u64,
    /// The row id of the last row that was inserted.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_insert_rowid: Option<i64>,
    /// What the last statement returned, such as by RETURNING; at most 1,000 rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    returned: Option<Rows>,
}

async fn execute(arguments: ExecuteArguments, context: CallContext) -> Result<ExecuteResult> {
    blocking::run(move |cancel| {
        let database = Database::open(&context, &arguments.path, Access::Write, cancel)?;
        let budget = context.output_limit.saturating_sub(FRAME_BYTES);
        database.run(|connection| statement::execute(connection, &arguments.sql, &arguments.parameters, budget))
    })
    .await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SchemaArguments {
    /// The database: a file at the top of the user's folder.
    #[serde(default = "default_database")]
    path: String,
}

#[derive(Serialize, JsonSchema)]
struct SchemaResult {
    /// Tables and views, in the order they were made.
    tables: Vec<Table>,
}

#[derive(Serialize, JsonSchema)]
struct Table {
    /// The name.
    name: String,
    /// `table` or `view`.
    kind: String,
    /// The columns, in order.
    columns: Vec<Column>,
    /// The SQL that made it.
    sql: String,
}

#[derive(Serialize, JsonSchema)]
struct Column {
    /// The name.
    name: String,
    /// The declared type; empty where there is none.
    r#type: String,
    /// Whether NULL is refused.
    not_null: bool,
    /// Whether it is part of the primary key.
    primary_key: bool,
}

async fn schema(arguments: SchemaArguments, context: CallContext) -> Result<SchemaResult> {
    blocking::run(move |cancel| {
        let database = Database::open(&context, &arguments.path, Access::Read, cancel)?;
        database.run(|connection| Ok(SchemaResult { tables: statement::tables(connection)? }))
    })
    .await
}
