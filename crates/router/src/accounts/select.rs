//! Which account a call uses.

use composio_contract::{Error, ErrorKind, Result};

use crate::clock;
use crate::router::Router;
use crate::sessions::LiveSession;
use crate::store::{AccountRow, AccountStatus};

/// How an account is told apart from others.
fn named(row: &AccountRow) -> String {
    row.alias.as_ref().map_or_else(|| row.id.clone(), |alias| format!("{alias} ({})", row.id))
}

fn list(rows: &[AccountRow]) -> String {
    rows.iter().map(named).collect::<Vec<_>>().join(", ")
}

/// What is not in the store until somebody looks: a link that nobody followed lapses by itself.
pub(super) fn as_of_now(mut row: AccountRow) -> AccountRow {
    let lapsed = row.expires_at.is_some_and(|at| at <= clock::millis());
    if row.status == AccountStatus::Initiated && lapsed {
        row.status = AccountStatus::Expired;
        row.status_reason = Some("its user did not follow the link in time".to_owned());
    }
    row
}

impl Router {
    /// The user's accounts of a toolkit that the session may use, whatever their status. Where the session names accounts they
    /// come in the reverse of its order, else oldest first, so that the last one that can be used is the default.
    pub(crate) async fn accounts_of(&self, session: &LiveSession, toolkit: &str) -> Result<Vec<AccountRow>> {
        // A store without a place for accounts has none; to make one says why.
        let Some(store) = self.store.accounts().filter(|_| self.accounts.are_needed()) else { return Ok(Vec::new()) };
        let rows = store.accounts(&session.project, Some(&session.user_id)).await?;
        let pinned = session.pinned(toolkit);
        let fits = |row: &AccountRow| {
            row.toolkit == toolkit && pinned.is_none_or(|ids| ids.iter().any(|id| is_named(row, id)))
        };
        let mut rows: Vec<AccountRow> = rows.into_iter().filter(fits).map(as_of_now).collect();
        if let Some(ids) = pinned {
            rows.sort_by_key(|row| std::cmp::Reverse(ids.iter().position(|id| is_named(row, id))));
        }
        Ok(rows)
    }

    /// Whether the user has an account of a toolkit that a call could use.
    pub(crate) async fn has_account(&self, session: &LiveSession, toolkit: &str) -> Result<bool> {
        let rows = self.accounts_of(session, toolkit).await?;
        Ok(rows.iter().any(|row| row.status == AccountStatus::Active && !row.disabled))
    }

    /// The account that a call of a toolkit uses: the one asked for by id or alias, else the first active one of those
    /// that the session names, else the newest active one.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where there is none of that name, or several and none named where the session wants it;
    /// [`ErrorKind::ConnectedAccount`] where none is active.
    pub(crate) async fn account_for(
        &self,
        session: &LiveSession,
        toolkit: &str,
        wanted: Option<&str>,
    ) -> Result<AccountRow> {
        let rows = self.accounts_of(session, toolkit).await?;
        if let Some(wanted) = wanted {
            let row = rows.iter().find(|row| is_named(row, wanted)).ok_or_else(|| {
                let known = if rows.is_empty() { "none".to_owned() } else { list(&rows) };
                Error::validation(format!("the user has no account `{wanted}` of `{toolkit}`"))
                    .with_suggested_fix(format!("connected are: {known}"))
            })?;
            if row.disabled {
                let message = format!("the account {} of `{toolkit}` is switched off", named(row));
                return Err(Error::new(ErrorKind::ConnectedAccount, message));
            }
            if row.status != AccountStatus::Active {
                return Err(super::refresh::ended(row));
            }
            return Ok(row.clone());
        }
        let usable: Vec<AccountRow> =
            rows.iter().filter(|row| row.status == AccountStatus::Active && !row.disabled).cloned().collect();
        match usable.as_slice() {
            [] => Err(self.nothing_connected(session, toolkit, &rows)),
            [_, _, ..] if session.wants_explicit_account() => Err(Error::validation(format!(
                "the user has several accounts of `{toolkit}`, and `account` says which"
            ))
            .with_suggested_fix(format!("give one of: {}", list(&usable)))),
            [.., default] => Ok(default.clone()),
        }
    }

    fn nothing_connected(&self, session: &LiveSession, toolkit: &str, rows: &[AccountRow]) -> Error {
        let state = match rows.last() {
            Some(row) if row.disabled => format!("; {} is switched off", named(row)),
            Some(row) => {
                let reason = row.status_reason.as_deref().map(|reason| format!(", {reason}")).unwrap_or_default();
                format!("; {} is {}{reason}", named(row), row.status.name())
            }
            None => String::new(),
        };
        let fix = if session.policy.manage_connections() {
            "connect one with COMPOSIO_MANAGE_CONNECTIONS and give the user its redirect_url".to_owned()
        } else {
            format!("connect one with session.authorize(\"{toolkit}\") and send the user to its redirect URL")
        };
        Error::new(
            ErrorKind::ConnectedAccount,
            format!("the user has no active connected account of `{toolkit}`{state}"),
        )
        .with_suggested_fix(fix)
    }
}

fn is_named(row: &AccountRow, name: &str) -> bool {
    row.id == name || row.alias.as_deref().is_some_and(|alias| alias.eq_ignore_ascii_case(name))
}
