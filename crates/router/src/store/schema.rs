//! The schema, one list of steps for every kind of store.
//!
//! The steps are written for SQLite. PostgreSQL has other names for three things, and nothing else differs: a step has
//! plain `CREATE TABLE`, `CREATE INDEX`, `ALTER TABLE`, `DROP TABLE` and `UPDATE` statements with columns of `TEXT`, `INTEGER`
//! and `BLOB`.

use composio_contract::{Error, ErrorKind, Result};

/// Each entry takes the schema one version further. One that was released is never changed.
const STEPS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("projects.sql"),
    include_str!("tickets.sql"),
    include_str!("tokens.sql"),
    include_str!("accounts.sql"),
    include_str!("owners.sql"),
    include_str!("scopes.sql"),
    include_str!("by_project.sql"),
    include_str!("pins.sql"),
    include_str!("record.sql"),
];

/// The version that this program knows.
pub(super) const VERSION: usize = STEPS.len();

/// The steps that a database of some version lacks.
///
/// # Errors
/// [`ErrorKind::Configuration`] where it was written by a later version.
pub(super) fn missing(version: i64) -> Result<&'static [&'static str]> {
    // A negative number was not written by this program; it is refused like one that is too high.
    usize::try_from(version).ok().and_then(|version| STEPS.get(version..)).ok_or_else(|| {
        Error::new(
            ErrorKind::Configuration,
            format!(
                "the router's database was written by a later version: its schema is {version}, this one knows {VERSION}"
            ),
        )
        .with_suggested_fix("use that version, or set `router.database` to another place")
    })
}

/// A step as PostgreSQL has it.
#[cfg(feature = "postgres")]
pub(super) fn for_postgres(step: &str) -> String {
    step.replace(" STRICT, WITHOUT ROWID", "").replace(" INTEGER", " BIGINT").replace(" BLOB", " BYTEA")
}
