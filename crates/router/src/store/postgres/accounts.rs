//! Connected accounts in PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;
use composio_contract::Result;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::log::plain;
use super::{NOW, PostgresStore, possible, read, read_all};
use crate::clock;
use crate::project::Project;
use crate::store::accounts::{VAULT, millis};
use crate::store::{AccountRow, AccountStatus, AccountStore, LinkRow};

const COLUMNS: &str = "id, user_id, toolkit, auth_config, auth_scheme, status, status_reason, alias, disabled, \
                       credential, expires_at, created_at, updated_at, revision, owner, extra_scopes";

fn account(row: &PgRow, project: &Project) -> sqlx::Result<AccountRow> {
    let status: &str = row.try_get(5)?;
    Ok(AccountRow {
        project: project.clone(),
        id: row.try_get(0)?,
        user_id: row.try_get(1)?,
        toolkit: row.try_get(2)?,
        auth_config: row.try_get(3)?,
        auth_scheme: row.try_get(4)?,
        status: AccountStatus::from_name(status)
            .ok_or_else(|| sqlx::Error::Decode(format!("there is no status {status}").into()))?,
        status_reason: row.try_get(6)?,
        alias: row.try_get(7)?,
        disabled: row.try_get::<i64, _>(8)? != 0,
        credential: row.try_get(9)?,
        expires_at: row.try_get(10)?,
        created_at: row.try_get(11)?,
        updated_at: row.try_get(12)?,
        revision: row.try_get(13)?,
        owner: row.try_get(14)?,
        extra_scopes: row.try_get(15)?,
    })
}

const LINK: &str = "hash, project, account_id, session_id, user_id, secret, expires_at";

fn link(row: &PgRow) -> sqlx::Result<LinkRow> {
    let project: &str = row.try_get(1)?;
    Ok(LinkRow {
        hash: row.try_get(0)?,
        project: Project::new(project).map_err(|error| sqlx::Error::Decode(error.into()))?,
        account_id: row.try_get(2)?,
        session_id: row.try_get(3)?,
        user_id: row.try_get(4)?,
        secret: row.try_get(5)?,
        expires_at: row.try_get(6)?,
    })
}

#[async_trait]
impl AccountStore for PostgresStore {
    async fn data_keys(&self) -> Result<Option<Vec<u8>>> {
        const WHAT: &str = "read its data keys";
        let statement = sqlx::query("SELECT value FROM secrets WHERE name = $1").bind(VAULT);
        let row = self.link.row(WHAT, statement).await?;
        row.map(|row| read(WHAT, &row, |row| row.try_get(0))).transpose()
    }

    async fn keep_data_keys(&self, base: Option<Vec<u8>>, wrapped: Vec<u8>) -> Result<bool> {
        let statement = match base {
            None => sqlx::query("INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(VAULT)
                .bind(wrapped),
            Some(base) => sqlx::query("UPDATE secrets SET value = $2 WHERE name = $1 AND value = $3")
                .bind(VAULT)
                .bind(wrapped)
                .bind(base),
        };
        self.link.changes("keep its data keys", statement).await
    }

    async fn add_account(&self, row: AccountRow, link: Option<LinkRow>) -> Result<()> {
        let insert = format!(
            "INSERT INTO accounts (project, {COLUMNS}) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
        );
        let text = match &link {
            None => insert,
            Some(_) => format!(
                "WITH lapsed AS (DELETE FROM links WHERE hash IN \
                 (SELECT hash FROM links WHERE expires_at <= $23 FOR UPDATE SKIP LOCKED)), \
                 account AS ({insert} RETURNING project, id) \
                 INSERT INTO links ({LINK}) SELECT $18, project, id, $19, $20, $21, $22 FROM account"
            ),
        };
        let mut statement = sqlx::query(&text)
            .bind(row.project.as_str())
            .bind(row.id)
            .bind(row.user_id)
            .bind(row.toolkit)
            .bind(row.auth_config)
            .bind(row.auth_scheme)
            .bind(row.status.name())
            .bind(row.status_reason)
            .bind(row.alias)
            .bind(i64::from(row.disabled))
            .bind(row.credential)
            .bind(row.expires_at)
            .bind(row.created_at)
            .bind(row.updated_at)
            .bind(row.revision)
            .bind(row.owner)
            .bind(row.extra_scopes);
        if let Some(link) = link {
            statement = statement
                .bind(link.hash)
                .bind(link.session_id)
                .bind(link.user_id)
                .bind(link.secret)
                .bind(link.expires_at)
                .bind(clock::millis());
        }
        self.link.changes("keep an account", statement).await.map(drop)
    }

    async fn account(&self, project: &Project, id: &str) -> Result<Option<AccountRow>> {
        const WHAT: &str = "read an account";
        if !possible(id) {
            return Ok(None);
        }
        let text = format!("SELECT {COLUMNS} FROM accounts WHERE project = $1 AND id = $2");
        let row = self.link.row(WHAT, sqlx::query(&text).bind(project.as_str()).bind(id)).await?;
        row.map(|row| read(WHAT, &row, |row| account(row, project))).transpose()
    }

    async fn accounts(&self, project: &Project, user_id: Option<&str>) -> Result<Vec<AccountRow>> {
        const WHAT: &str = "list accounts";
        if user_id.is_some_and(|user_id| !possible(user_id)) {
            return Ok(Vec::new());
        }
        let of_user = if user_id.is_some() { "AND user_id = $2" } else { "" };
        let text = format!("SELECT {COLUMNS} FROM accounts WHERE project = $1 {of_user} ORDER BY created_at, id");
        let mut statement = sqlx::query(&text).bind(project.as_str());
        if let Some(user_id) = user_id {
            statement = statement.bind(user_id);
        }
        read_all(WHAT, &self.link.rows(WHAT, statement).await?, |row| account(row, project))
    }

    async fn change_account(&self, row: AccountRow, link: Option<LinkRow>) -> Result<bool> {
        const UPDATE: &str = "UPDATE accounts SET auth_config = $4, auth_scheme = $5, status = $6, status_reason = $7, \
                              alias = $8, disabled = $9, credential = $10, expires_at = $11, updated_at = $12, \
                              owner = $13, extra_scopes = $14, revision = revision + 1 \
                              WHERE project = $1 AND id = $2 AND revision = $3";
        let text = match &link {
            None => UPDATE.to_owned(),
            Some(_) => format!(
                "WITH account AS ({UPDATE} RETURNING project, id), \
                 void AS (DELETE FROM links USING account WHERE links.project = account.project \
                 AND links.account_id = account.id) \
                 INSERT INTO links ({LINK}) SELECT $15, project, id, $16, $17, $18, $19 FROM account"
            ),
        };
        let mut statement = sqlx::query(&text)
            .bind(row.project.as_str())
            .bind(row.id)
            .bind(row.revision)
            .bind(row.auth_config)
            .bind(row.auth_scheme)
            .bind(row.status.name())
            // A provider words it; a change is not lost over it.
            .bind(row.status_reason.as_deref().map(plain))
            .bind(row.alias)
            .bind(i64::from(row.disabled))
            .bind(row.credential)
            .bind(row.expires_at)
            .bind(clock::millis())
            .bind(row.owner)
            .bind(row.extra_scopes);
        if let Some(link) = link {
            statement = statement
                .bind(link.hash)
                .bind(link.session_id)
                .bind(link.user_id)
                .bind(link.secret)
                .bind(link.expires_at);
        }
        self.link.changes("change an account", statement).await
    }

    async fn delete_account(&self, project: &Project, id: &str) -> Result<bool> {
        if !possible(id) {
            return Ok(false);
        }
        let statement =
            sqlx::query("DELETE FROM accounts WHERE project = $1 AND id = $2").bind(project.as_str()).bind(id);
        self.link.changes("delete an account", statement).await
    }

    async fn link(&self, hash: &[u8; 32]) -> Result<Option<LinkRow>> {
        const WHAT: &str = "read a link";
        let text = format!("SELECT {LINK} FROM links WHERE hash = $1");
        let row = self.link.row(WHAT, sqlx::query(&text).bind(*hash)).await?;
        row.map(|row| read(WHAT, &row, link)).transpose()
    }

    async fn take_link(&self, hash: &[u8; 32]) -> Result<Option<LinkRow>> {
        const WHAT: &str = "take a link";
        let text = format!("DELETE FROM links WHERE hash = $1 RETURNING {LINK}");
        let row = self.link.row(WHAT, sqlx::query(&text).bind(*hash)).await?;
        row.map(|row| read(WHAT, &row, link)).transpose()
    }

    async fn lease(&self, project: &Project, id: &str, holder: &str, time: Duration) -> Result<bool> {
        if !possible(id) {
            return Ok(false);
        }
        let text = format!(
            "UPDATE accounts SET lease_holder = $3, lease_until = {NOW} + $4 WHERE project = $1 AND id = $2 \
             AND (lease_holder IS NULL OR lease_holder = $3 OR lease_until <= {NOW})"
        );
        let statement = sqlx::query(&text).bind(project.as_str()).bind(id).bind(holder).bind(millis(time));
        self.link.changes("take a lease", statement).await
    }

    async fn release(&self, project: &Project, id: &str, holder: &str) -> Result<()> {
        let statement = sqlx::query(
            "UPDATE accounts SET lease_holder = NULL, lease_until = NULL \
             WHERE project = $1 AND id = $2 AND lease_holder = $3",
        )
        .bind(project.as_str())
        .bind(id)
        .bind(holder);
        self.link.changes("give a lease back", statement).await.map(drop)
    }
}
