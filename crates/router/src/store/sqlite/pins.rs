//! Pins in SQLite.

use async_trait::async_trait;
use composio_contract::Result;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use crate::clock;
use crate::store::pins::{PinChange, PinRow, PinStore, PinnedDefinitions};

const COLUMNS: &str = "toolkit, operation, slug, first_seen, accepted, held, held_at";

#[async_trait]
impl PinStore for SqliteStore {
    async fn pins(&self, toolkit: Option<&str>) -> Result<Vec<PinRow>> {
        self.read("read the pins", |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM pins WHERE ?1 IS NULL OR toolkit = ?1 ORDER BY toolkit, operation"
                ))?
                .query_map([toolkit], pin)?
                .collect()
        })
    }

    async fn held(&self, toolkit: Option<&str>) -> Result<Vec<PinRow>> {
        self.read("read the held pins", |connection| {
            let of_toolkit = if toolkit.is_some() { "toolkit = ?1" } else { "?1 IS NULL" };
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM pins WHERE held IS NOT NULL AND {of_toolkit} ORDER BY toolkit, operation"
                ))?
                .query_map([toolkit], pin)?
                .collect()
        })
    }

    async fn pinned(&self, toolkit: &str, operation: &str) -> Result<Option<PinnedDefinitions>> {
        self.read("read a pin", |connection| {
            connection
                .prepare_cached("SELECT accepted_text, held_text FROM pins WHERE toolkit = ?1 AND operation = ?2")?
                .query_row([toolkit, operation], |row| {
                    Ok(PinnedDefinitions { accepted: row.get(0)?, held: row.get(1)? })
                })
                .optional()
        })
    }

    async fn change_pins(&self, toolkit: &str, changes: Vec<PinChange>) -> Result<()> {
        let (toolkit, now) = (toolkit.to_owned(), clock::millis());
        self.write("change the pins", move |connection| {
            changes.into_iter().try_for_each(|change| apply(connection, &toolkit, change, now))
        })
        .await
    }

    async fn trust(&self, toolkit: &str, operations: Option<Vec<String>>) -> Result<Vec<String>> {
        let toolkit = toolkit.to_owned();
        self.write("accept definitions", move |connection| {
            let mut statement = connection.prepare_cached(
                "UPDATE pins SET accepted = held, accepted_text = held_text, held = NULL, held_text = NULL, held_at = NULL \
                 WHERE toolkit = ?1 AND (?2 IS NULL OR operation = ?2) AND held IS NOT NULL RETURNING operation",
            )?;
            let mut accept = |operation: Option<&str>| {
                statement.query_map(params![toolkit, operation], |row| row.get(0))?.collect::<rusqlite::Result<_>>()
            };
            let mut accepted: Vec<String> = match operations {
                None => accept(None)?,
                Some(operations) => operations
                    .iter()
                    .map(|operation| accept(Some(operation)))
                    .collect::<rusqlite::Result<Vec<Vec<String>>>>()?
                    .concat(),
            };
            accepted.sort();
            Ok(accepted)
        })
        .await
    }
}

fn apply(connection: &Connection, toolkit: &str, change: PinChange, now: i64) -> rusqlite::Result<()> {
    let done = match change {
        PinChange::Add { operation, slug, definition, is_accepted: true } => connection
            .prepare_cached(
                "INSERT OR IGNORE INTO pins (toolkit, operation, slug, first_seen, accepted, accepted_text) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![toolkit, operation, slug, now, definition.hash, definition.text]),
        PinChange::Add { operation, slug, definition, is_accepted: false } => connection
            .prepare_cached(
                "INSERT OR IGNORE INTO pins (toolkit, operation, slug, first_seen, held, held_text, held_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?4)",
            )?
            .execute(params![toolkit, operation, slug, now, definition.hash, definition.text]),
        PinChange::Hold { operation, definition } => connection
            .prepare_cached(
                "UPDATE pins SET held = ?3, held_text = ?4, held_at = ?5 \
                 WHERE toolkit = ?1 AND operation = ?2 AND (accepted IS NULL OR accepted <> ?3)",
            )?
            .execute(params![toolkit, operation, definition.hash, definition.text, now]),
        PinChange::Accept { operation, definition } => connection
            .prepare_cached(
                "UPDATE pins SET accepted = ?3, accepted_text = ?4, held = NULL, held_text = NULL, held_at = NULL \
                 WHERE toolkit = ?1 AND operation = ?2",
            )?
            .execute(params![toolkit, operation, definition.hash, definition.text]),
        PinChange::Settle { operation } => connection
            .prepare_cached(
                "UPDATE pins SET held = NULL, held_text = NULL, held_at = NULL WHERE toolkit = ?1 AND operation = ?2 \
                 AND accepted IS NOT NULL",
            )?
            .execute([toolkit, operation.as_str()]),
        PinChange::Rename { operation, slug } => connection
            .prepare_cached("UPDATE OR IGNORE pins SET slug = ?3 WHERE toolkit = ?1 AND operation = ?2")?
            .execute([toolkit, operation.as_str(), slug.as_str()]),
    };
    done.map(drop)
}

fn pin(row: &Row<'_>) -> rusqlite::Result<PinRow> {
    Ok(PinRow {
        toolkit: row.get(0)?,
        operation: row.get(1)?,
        slug: row.get(2)?,
        first_seen: row.get(3)?,
        accepted: row.get(4)?,
        held: row.get(5)?,
        held_at: row.get(6)?,
    })
}
