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
    /// A session, with the tools that its user's accounts list now.
    ///
    /// # Errors
    /// Those of [`Router::session`].
    pub(crate) async fn equipped(&self, id: &str) -> Result<Arc<LiveSession>> {
        let session = self.session(id).await?;
        if self.catalog.sources_by_account().next().is_some() {
            self.list_by_account(&session).await?;
        }
        Ok(session)
    }

    /// Why a tool is not there: where it is one of a toolkit whose tools only an account lists, and there is no account, that.
    pub(crate) async fn missing_tool(&self, session: &LiveSession, slug: &str, error: Error) -> Error {
        let of_toolkit = |source: &&Arc<dyn Source>| belongs(slug, &source.toolkit().slug);
        let Some(source) = self.catalog.sources_by_account().find(of_toolkit) else { return error };
        let toolkit = &source.toolkit().slug;
        if session.policy.toolkit(toolkit).is_err() {
            return error;
        }
        self.account_for(session, toolkit, None).await.err().unwrap_or(error)
    }

    /// Has the session show the tools that its user's accounts list, asked first where they are not known yet. An account
    /// that cannot be asked has none until it can.
    async fn list_by_account(&self, session: &LiveSession) -> Result<()> {
        let sources = self.catalog.sources_by_account();
        let sources = sources.filter(|source| session.policy.toolkit(&source.toolkit().slug).is_ok());
        join_all(sources.map(|source| self.list_of(session, source))).await.into_iter().collect()
    }

    async fn list_of(&self, session: &LiveSession, source: &Arc<dyn Source>) -> Result<()> {
        let toolkit = &source.toolkit().slug;
        let rows = self.accounts_of(session, toolkit).await?;
        let usable = rows.into_iter().filter(|row| row.status == AccountStatus::Active && !row.disabled);
        let lists = join_all(usable.map(|row| async move {
            let id = row.id.clone();
            self.list_with(source, row).await.inspect_err(
                |error| tracing::warn!(toolkit, account = id, %error, "an account's tools could not be listed"),
            )
        }))
        .await;
        let mut lists = lists.into_iter().flatten();
        let all = match (lists.next(), lists.next()) {
            (None, _) => Arc::default(),
            (Some(one), None) => one,
            (Some(one), Some(other)) => {
                let rest = lists.flat_map(|list| list.iter().cloned().collect::<Vec<_>>());
                Arc::new(one.iter().chain(other.iter()).cloned().chain(rest).collect())
            }
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
