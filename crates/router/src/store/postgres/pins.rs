//! Pins in PostgreSQL.

use async_trait::async_trait;
use composio_contract::Result;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::{PostgresStore, possible, read, read_all};
use crate::clock;
use crate::store::pins::{PinChange, PinRow, PinStore, PinnedDefinitions};

/// Tools that one statement adds. A new toolkit may have thousands.
const TOGETHER: usize = 200;

/// Columns of tools that are added.
#[derive(Default)]
struct Added {
    operations: Vec<String>,
    slugs: Vec<String>,
    hashes: Vec<Vec<u8>>,
    texts: Vec<String>,
    accepted: Vec<bool>,
}

#[async_trait]
impl PinStore for PostgresStore {
    async fn pins(&self, toolkit: Option<&str>) -> Result<Vec<PinRow>> {
        const WHAT: &str = "read the pins";
        let statement = sqlx::query(
            "SELECT toolkit, operation, slug, first_seen, accepted, held, held_at FROM pins \
             WHERE $1::text IS NULL OR toolkit = $1 ORDER BY toolkit COLLATE \"C\", operation COLLATE \"C\"",
        )
        .bind(toolkit);
        read_all(WHAT, &self.link.rows(WHAT, statement).await?, pin)
    }

    async fn held(&self, toolkit: Option<&str>) -> Result<Vec<PinRow>> {
        const WHAT: &str = "read the held pins";
        let statement = sqlx::query(
            "SELECT toolkit, operation, slug, first_seen, accepted, held, held_at FROM pins \
             WHERE held IS NOT NULL AND ($1::text IS NULL OR toolkit = $1) \
             ORDER BY toolkit COLLATE \"C\", operation COLLATE \"C\"",
        )
        .bind(toolkit);
        read_all(WHAT, &self.link.rows(WHAT, statement).await?, pin)
    }

    async fn pinned(&self, toolkit: &str, operation: &str) -> Result<Option<PinnedDefinitions>> {
        const WHAT: &str = "read a pin";
        if !possible(toolkit) || !possible(operation) {
            return Ok(None);
        }
        let statement = sqlx::query("SELECT accepted_text, held_text FROM pins WHERE toolkit = $1 AND operation = $2")
            .bind(toolkit)
            .bind(operation);
        let row = self.link.row(WHAT, statement).await?;
        let texts = |row: &PgRow| Ok(PinnedDefinitions { accepted: row.try_get(0)?, held: row.try_get(1)? });
        row.map(|row| read(WHAT, &row, texts)).transpose()
    }

    async fn change_pins(&self, toolkit: &str, changes: Vec<PinChange>) -> Result<()> {
        let mut added = Added::default();
        for change in changes {
            match change {
                PinChange::Add { operation, slug, definition, is_accepted } => {
                    added.operations.push(operation);
                    added.slugs.push(slug);
                    added.hashes.push(definition.hash.to_vec());
                    added.texts.push(definition.text);
                    added.accepted.push(is_accepted);
                    if added.operations.len() == TOGETHER {
                        self.add_pins(toolkit, std::mem::take(&mut added)).await?;
                    }
                }
                other => {
                    // In the order given.
                    self.add_pins(toolkit, std::mem::take(&mut added)).await?;
                    self.change_pin(toolkit, other).await?;
                }
            }
        }
        self.add_pins(toolkit, added).await
    }

    async fn trust(&self, toolkit: &str, operations: Option<Vec<String>>) -> Result<Vec<String>> {
        const WHAT: &str = "accept definitions";
        let operations: Option<Vec<String>> =
            operations.map(|operations| operations.into_iter().filter(|operation| possible(operation)).collect());
        let statement = sqlx::query(
            "UPDATE pins SET accepted = held, accepted_text = held_text, held = NULL, held_text = NULL, held_at = NULL \
             WHERE toolkit = $1 AND ($2::text[] IS NULL OR operation = ANY($2)) AND held IS NOT NULL RETURNING operation",
        )
        .bind(toolkit)
        .bind(operations);
        let mut accepted = read_all(WHAT, &self.link.rows(WHAT, statement).await?, |row| row.try_get(0))?;
        accepted.sort();
        Ok(accepted)
    }
}

impl PostgresStore {
    async fn add_pins(&self, toolkit: &str, added: Added) -> Result<()> {
        if added.operations.is_empty() {
            return Ok(());
        }
        let statement = sqlx::query(
            "INSERT INTO pins (toolkit, operation, slug, first_seen, accepted, accepted_text, held, held_text, held_at) \
             SELECT $1, operation, slug, $7, CASE WHEN ok THEN hash END, CASE WHEN ok THEN text END, \
             CASE WHEN NOT ok THEN hash END, CASE WHEN NOT ok THEN text END, CASE WHEN NOT ok THEN $7 END \
             FROM unnest($2::text[], $3::text[], $4::bytea[], $5::text[], $6::bool[]) AS t (operation, slug, hash, text, ok) \
             ON CONFLICT DO NOTHING",
        )
        .bind(toolkit)
        .bind(added.operations)
        .bind(added.slugs)
        .bind(added.hashes)
        .bind(added.texts)
        .bind(added.accepted)
        .bind(clock::millis());
        self.link.changes("add pins", statement).await.map(drop)
    }

    async fn change_pin(&self, toolkit: &str, change: PinChange) -> Result<()> {
        let statement = match change {
            PinChange::Add { .. } => return Ok(()),
            PinChange::Hold { operation, definition } => sqlx::query(
                "UPDATE pins SET held = $3, held_text = $4, held_at = $5 \
                 WHERE toolkit = $1 AND operation = $2 AND (accepted IS NULL OR accepted <> $3)",
            )
            .bind(toolkit)
            .bind(operation)
            .bind(definition.hash)
            .bind(definition.text)
            .bind(clock::millis()),
            PinChange::Accept { operation, definition } => sqlx::query(
                "UPDATE pins SET accepted = $3, accepted_text = $4, held = NULL, held_text = NULL, held_at = NULL \
                 WHERE toolkit = $1 AND operation = $2",
            )
            .bind(toolkit)
            .bind(operation)
            .bind(definition.hash)
            .bind(definition.text),
            PinChange::Settle { operation } => sqlx::query(
                "UPDATE pins SET held = NULL, held_text = NULL, held_at = NULL WHERE toolkit = $1 AND operation = $2 \
                 AND accepted IS NOT NULL",
            )
            .bind(toolkit)
            .bind(operation),
            PinChange::Rename { operation, slug } => sqlx::query(
                "UPDATE pins SET slug = $3 WHERE toolkit = $1 AND operation = $2 \
                 AND NOT EXISTS (SELECT 1 FROM pins WHERE toolkit = $1 AND slug = $3)",
            )
            .bind(toolkit)
            .bind(operation)
            .bind(slug),
        };
        self.link.changes("change a pin", statement).await.map(drop)
    }
}

fn pin(row: &PgRow) -> sqlx::Result<PinRow> {
    Ok(PinRow {
        toolkit: row.try_get(0)?,
        operation: row.try_get(1)?,
        slug: row.try_get(2)?,
        first_seen: row.try_get(3)?,
        accepted: row.try_get(4)?,
        held: row.try_get(5)?,
        held_at: row.try_get(6)?,
    })
}
