//! Connected accounts in SQLite.

use std::time::Duration;

use async_trait::async_trait;
use composio_contract::Result;
use rusqlite::{OptionalExtension as _, Row, params, params_from_iter};

use super::{SqliteStore, unreadable};
use crate::clock;
use crate::project::Project;
use crate::store::accounts::{VAULT, millis};
use crate::store::{AccountRow, AccountStatus, AccountStore, LinkRow};

const COLUMNS: &str = "id, user_id, toolkit, auth_config, auth_scheme, status, status_reason, alias, disabled, \
                       credential, expires_at, created_at, updated_at, revision, owner, extra_scopes";

fn account(row: &Row<'_>, project: &Project) -> rusqlite::Result<AccountRow> {
    let status: String = row.get(5)?;
    Ok(AccountRow {
        project: project.clone(),
        id: row.get(0)?,
        user_id: row.get(1)?,
        toolkit: row.get(2)?,
        auth_config: row.get(3)?,
        auth_scheme: row.get(4)?,
        status: AccountStatus::from_name(&status).ok_or_else(|| unreadable(5, format!("status {status}")))?,
        status_reason: row.get(6)?,
        alias: row.get(7)?,
        disabled: row.get(8)?,
        credential: row.get(9)?,
        expires_at: row.get(10)?,
        created_at: row.get(11)?,
        updated_at: row.get(12)?,
        revision: row.get(13)?,
        owner: row.get(14)?,
        extra_scopes: row.get(15)?,
    })
}

const OF_PROJECT: &str = "accounts WHERE project = ?1";
/// SQLite would go through the whole project if the index were not named.
const OF_USER: &str = "accounts INDEXED BY accounts_by_user WHERE project = ?1 AND user_id = ?2";

impl SqliteStore {
    fn list_accounts(&self, project: &Project, from: &str, given: &[&str]) -> Result<Vec<AccountRow>> {
        self.read("list accounts", |connection| {
            connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM {from} ORDER BY created_at, id"))?
                .query_map(params_from_iter(given), |row| account(row, project))?
                .collect()
        })
    }
}

const LINK: &str = "hash, project, account_id, session_id, user_id, secret, expires_at";

fn link(row: &Row<'_>) -> rusqlite::Result<LinkRow> {
    let project: String = row.get(1)?;
    Ok(LinkRow {
        hash: row.get(0)?,
        project: Project::new(&project).map_err(|error| unreadable(1, error))?,
        account_id: row.get(2)?,
        session_id: row.get(3)?,
        user_id: row.get(4)?,
        secret: row.get(5)?,
        expires_at: row.get(6)?,
    })
}

fn insert_link(connection: &rusqlite::Connection, link: &LinkRow) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM links WHERE expires_at <= ?1")?.execute([clock::millis()])?;
    connection
        .prepare_cached(&format!("INSERT INTO links ({LINK}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"))?
        .execute(params![
            link.hash,
            link.project.as_str(),
            link.account_id,
            link.session_id,
            link.user_id,
            link.secret,
            link.expires_at
        ])
        .map(drop)
}

#[async_trait]
impl AccountStore for SqliteStore {
    async fn data_keys(&self) -> Result<Option<Vec<u8>>> {
        self.read("read its data keys", |connection| {
            connection
                .prepare_cached("SELECT value FROM secrets WHERE name = ?1")?
                .query_row([VAULT], |row| row.get(0))
                .optional()
        })
    }

    async fn keep_data_keys(&self, base: Option<Vec<u8>>, wrapped: Vec<u8>) -> Result<bool> {
        self.write("keep its data keys", move |connection| {
            let changed = match base {
                None => connection
                    .prepare_cached("INSERT OR IGNORE INTO secrets (name, value) VALUES (?1, ?2)")?
                    .execute(params![VAULT, wrapped])?,
                Some(base) => connection
                    .prepare_cached("UPDATE secrets SET value = ?2 WHERE name = ?1 AND value = ?3")?
                    .execute(params![VAULT, wrapped, base])?,
            };
            Ok(changed > 0)
        })
        .await
    }

    async fn add_account(&self, row: AccountRow, link: Option<LinkRow>) -> Result<()> {
        self.change("keep an account", move |connection| {
            connection
                .prepare_cached(&format!(
                    "INSERT INTO accounts (project, {COLUMNS}) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
                ))?
                .execute(params![
                    row.project.as_str(),
                    row.id,
                    row.user_id,
                    row.toolkit,
                    row.auth_config,
                    row.auth_scheme,
                    row.status.name(),
                    row.status_reason,
                    row.alias,
                    row.disabled,
                    row.credential,
                    row.expires_at,
                    row.created_at,
                    row.updated_at,
                    row.revision,
                    row.owner,
                    row.extra_scopes
                ])?;
            link.map_or(Ok(()), |link| insert_link(connection, &link))
        })
        .await
    }

    async fn account(&self, project: &Project, id: &str) -> Result<Option<AccountRow>> {
        self.read("read an account", |connection| {
            connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM accounts WHERE project = ?1 AND id = ?2"))?
                .query_row([project.as_str(), id], |row| account(row, project))
                .optional()
        })
    }

    async fn accounts(&self, project: &Project, user_id: Option<&str>) -> Result<Vec<AccountRow>> {
        let Some(user_id) = user_id else { return self.list_accounts(project, OF_PROJECT, &[project.as_str()]) };
        let of_user = self.cache.accounts.get_or_read(&self.changes, Some(project), user_id, || {
            self.list_accounts(project, OF_USER, &[project.as_str(), user_id]).map(|rows| Some(rows.into()))
        });
        of_user.map(|rows| rows.map_or_else(Vec::new, |rows| rows.to_vec()))
    }

    async fn change_account(&self, row: AccountRow, link: Option<LinkRow>) -> Result<bool> {
        let now = clock::millis();
        self.change("change an account", move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE accounts SET auth_config = ?4, auth_scheme = ?5, status = ?6, status_reason = ?7, \
                     alias = ?8, disabled = ?9, credential = ?10, expires_at = ?11, updated_at = ?12, \
                     owner = ?13, extra_scopes = ?14, revision = revision + 1 WHERE project = ?1 AND id = ?2 AND revision = ?3",
                )?
                .execute(params![
                    row.project.as_str(),
                    row.id,
                    row.revision,
                    row.auth_config,
                    row.auth_scheme,
                    row.status.name(),
                    row.status_reason,
                    row.alias,
                    row.disabled,
                    row.credential,
                    row.expires_at,
                    now,
                    row.owner,
                    row.extra_scopes
                ])?;
            let Some(link) = link.filter(|_| changed > 0) else { return Ok(changed > 0) };
            connection
                .prepare_cached("DELETE FROM links WHERE project = ?1 AND account_id = ?2")?
                .execute([link.project.as_str(), &link.account_id])?;
            insert_link(connection, &link).map(|()| true)
        })
        .await
    }

    async fn delete_account(&self, project: &Project, id: &str) -> Result<bool> {
        let (project, id) = (project.clone(), id.to_owned());
        self.change("delete an account", move |connection| {
            connection
                .prepare_cached("DELETE FROM accounts WHERE project = ?1 AND id = ?2")?
                .execute([project.as_str(), &id])
                .map(|removed| removed > 0)
        })
        .await
    }

    async fn link(&self, hash: &[u8; 32]) -> Result<Option<LinkRow>> {
        self.read("read a link", |connection| {
            connection
                .prepare_cached(&format!("SELECT {LINK} FROM links WHERE hash = ?1"))?
                .query_row([hash], link)
                .optional()
        })
    }

    async fn take_link(&self, hash: &[u8; 32]) -> Result<Option<LinkRow>> {
        let hash = *hash;
        self.write("take a link", move |connection| {
            connection
                .prepare_cached(&format!("DELETE FROM links WHERE hash = ?1 RETURNING {LINK}"))?
                .query_row([hash], link)
                .optional()
        })
        .await
    }

    async fn lease(&self, project: &Project, id: &str, holder: &str, time: Duration) -> Result<bool> {
        let (project, id, holder) = (project.clone(), id.to_owned(), holder.to_owned());
        let now = clock::millis();
        let until = now + millis(time);
        self.write("take a lease", move |connection| {
            connection
                .prepare_cached(
                    "UPDATE accounts SET lease_holder = ?3, lease_until = ?4 WHERE project = ?1 AND id = ?2 \
                     AND (lease_holder IS NULL OR lease_holder = ?3 OR lease_until <= ?5)",
                )?
                .execute(params![project.as_str(), id, holder, until, now])
                .map(|changed| changed > 0)
        })
        .await
    }

    async fn release(&self, project: &Project, id: &str, holder: &str) -> Result<()> {
        let (project, id, holder) = (project.clone(), id.to_owned(), holder.to_owned());
        self.write("give a lease back", move |connection| {
            connection
                .prepare_cached(
                    "UPDATE accounts SET lease_holder = NULL, lease_until = NULL \
                     WHERE project = ?1 AND id = ?2 AND lease_holder = ?3",
                )?
                .execute([project.as_str(), &id, &holder])
                .map(drop)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Location;

    #[test]
    fn a_users_accounts_are_found_without_going_through_the_project() {
        let store = SqliteStore::open(&Location::Memory).unwrap();
        let plan = format!("EXPLAIN QUERY PLAN SELECT {COLUMNS} FROM {OF_USER}");
        let plan: String =
            store.read("explain", |database| database.query_row(&plan, ["", ""], |row| row.get(3))).unwrap();
        assert!(plan.ends_with("USING INDEX accounts_by_user (project=? AND user_id=?)"), "{plan}");
    }
}
