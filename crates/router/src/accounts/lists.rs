//! What tools the accounts of a session's user have, where each account has its own.

use std::sync::Arc;

use composio_contract::{Error, ErrorKind, Result};
use futures_util::future::join_all;

use crate::router::Router;
use crate::sessions::LiveSession;
use crate::source::{Source, ToolListing};
use crate::store::{AccountRow, AccountStatus};

impl Router {
    /// Why a tool is not there: where it is one of a toolkit whose tools only an account lists, and there is no account, that.
    pub(crate) async fn missing_tool(&self, session: &LiveSession, slug: &str, error: Error) -> Error {
        let owner = self.catalog.owner(slug);
        let of_toolkit = |source: &&Arc<dyn Source>| owner.is_some_and(|owner| source.toolkit().slug == owner);
        let Some(source) = self.catalog.sources_by_account().find(of_toolkit) else { return error };
        let toolkit = &source.toolkit().slug;
        if session.policy.toolkit(toolkit).is_err() {
            return error;
        }
        // What an account lists is for its user alone, also that there is such a tool.
        let error = match self.catalog.held(slug) {
            Some(held) if !session.policy.lists(toolkit, &held.operation) => self.catalog.unknown_tool(slug),
            _ => error,
        };
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
        let owner = self.catalog.owner(slug);
        self.list_by_account(session, |toolkit| owner.is_some_and(|owner| owner.eq_ignore_ascii_case(toolkit))).await
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
            let listed = listed.inspect_err(
                |error| tracing::warn!(toolkit, account = id, %error, "an account's tools could not be listed"),
            );
            listed.map(|listed| (id, listed))
        }))
        .await;
        session.policy.list_only(toolkit, lists.into_iter().flatten().collect());
        Ok(())
    }

    async fn list_with(&self, source: &Arc<dyn Source>, row: AccountRow) -> Result<Arc<ToolListing>> {
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
