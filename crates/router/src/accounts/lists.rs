//! What tools the accounts of a session's user have, where each account has its own.

use std::collections::HashSet;
use std::sync::Arc;

use composio_contract::{Error, ErrorKind, Result};
use futures_util::future::join_all;

use crate::catalog::belongs;
use crate::router::Router;
use crate::sessions::LiveSession;
use crate::source::Source;
use crate::store::{AccountRow, AccountStatus};

impl Router {
    /// Why a tool is not there: where it is one of a toolkit whose tools only an account lists, and there is no account, that.
    pub(crate) async fn missing_tool(&self, session: &LiveSession, slug: &str, error: Error) -> Error {
        let of_toolkit = |source: &&Arc<dyn Source>| belongs(slug, &source.toolkit().slug);
        let Some(source) = self.catalog.sources_by_account().find(of_toolkit) else { return error };
        let toolkit = &source.toolkit().slug;
        if session.policy.toolkit(toolkit).is_err() {
            return error;
        }
        match self.has_account(session, toolkit).await {
            Ok(false) => self.account_for(session, toolkit, None).await.err().unwrap_or(error),
            _ => error,
        }
    }

    /// Has a session show the tools that its user's accounts list of toolkits, asked first where they are not known yet. An
    /// account that cannot be asked has none until it can.
    pub(crate) async fn list_by_account(&self, session: &LiveSession, wanted: impl Fn(&str) -> bool) -> Result<()> {
        let is_wanted = |slug: &str| wanted(slug) && session.policy.toolkit(slug).is_ok();
        let sources = self.catalog.sources_by_account().filter(|source| is_wanted(&source.toolkit().slug));
        join_all(sources.map(|source| self.list_of(session, source))).await.into_iter().collect()
    }

    /// The same, for the toolkit that a tool's slug names. Whoever runs a tool does not wait for other toolkits.
    pub(crate) async fn list_for_tool(&self, session: &LiveSession, slug: &str) -> Result<()> {
        self.list_by_account(session, |toolkit| belongs(slug, toolkit)).await
    }

    async fn list_of(&self, session: &LiveSession, source: &Arc<dyn Source>) -> Result<()> {
        let toolkit = &source.toolkit().slug;
        let rows = self.accounts_of(session, toolkit).await?;
        let usable = rows.into_iter().filter(|row| row.status == AccountStatus::Active && !row.disabled);
        let lists = join_all(usable.map(|row| async move {
            let id = row.id.clone();
            let listed = match self.list_with(source, row.clone()).await {
                Err(error) => Err(self.note_lacking(session, &row, error).await),
                listed => listed,
            };
            listed.inspect_err(
                |error| tracing::warn!(toolkit, account = id, %error, "an account's tools could not be listed"),
            )
        }))
        .await;
        let lists: Vec<Arc<HashSet<String>>> = lists.into_iter().flatten().collect();
        let all = match lists.as_slice() {
            [one] => Arc::clone(one),
            several => Arc::new(several.iter().flat_map(|list| list.iter().cloned()).collect()),
        };
        session.policy.list_only(toolkit, all);
        Ok(())
    }

    async fn list_with(&self, source: &Arc<dyn Source>, row: AccountRow) -> Result<Arc<HashSet<String>>> {
        let (row, credential) = self.credential(row).await?;
        match source.list_for(&credential).await {
            Err(error) if error.kind() == ErrorKind::Authentication => {
                let (_, credential) = self.credential_after_refusal(&row).await?;
                source.list_for(&credential).await
            }
            other => other,
        }
    }
}
