//! The schema, brought up to date by whichever server comes first.

use composio_contract::Result;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::store::schema;

/// Any number will do, if all servers have the same: the letters of the program's name.
const LOCK: i64 = 0x636f_6d70_6f73_696f;

/// Brings the schema up to date. The outer error is the database's, the inner one says that it was written by a later
/// version.
pub(super) async fn run(connection: &mut PgConnection) -> sqlx::Result<Result<()>> {
    // The usual case, without a lock, and without the right to make anything.
    if let Ok([]) = schema::missing(version(connection).await?) {
        return Ok(Ok(()));
    }
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await?;
    let missing = match schema::missing(version(&mut transaction).await?) {
        Ok(missing) => missing,
        Err(error) => return Ok(Err(error)),
    };
    if missing.len() == schema::VERSION {
        transaction.execute("CREATE SCHEMA IF NOT EXISTS composio").await?;
        transaction.execute("CREATE TABLE schema_version (version BIGINT NOT NULL)").await?;
        transaction.execute("INSERT INTO schema_version VALUES (0)").await?;
    }
    for step in missing {
        transaction.execute(sqlx::raw_sql(&schema::for_postgres(step))).await?;
    }
    let version = i64::try_from(schema::VERSION).unwrap_or(i64::MAX);
    sqlx::query("UPDATE schema_version SET version = $1").bind(version).execute(&mut *transaction).await?;
    transaction.commit().await.map(Ok)
}

async fn version(connection: &mut PgConnection) -> sqlx::Result<i64> {
    // Not `to_regclass`: that may answer from a cache which does not know yet what another server has just made.
    let there: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = 'composio' AND tablename = 'schema_version')",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !there {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT version FROM composio.schema_version").fetch_one(connection).await
}
