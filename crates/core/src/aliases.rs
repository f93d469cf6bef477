//! The tools behind the names that stand for them where a provider would refuse their slugs.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use composio_contract::{Result, Tool};

use crate::provider::{function_name, is_alias};
use crate::session::Inner;

/// The slugs of the aliases that a session has given out. Without a lock, which a forked child could find taken by a
/// thread that it does not have.
#[derive(Debug, Default)]
pub(crate) struct Aliases(ArcSwap<HashMap<String, Arc<str>>>);

impl Aliases {
    /// Remembers the aliases of tools; most have none.
    pub(crate) fn learn<'t>(&self, tools: impl Iterator<Item = &'t Tool>) {
        let named = tools.map(|tool| (function_name(&tool.slug), &tool.slug));
        let new: Vec<(String, Arc<str>)> = named
            .filter(|(name, slug)| name != *slug)
            .map(|(name, slug)| (name.into_owned(), slug.as_str().into()))
            .collect();
        if new.is_empty() {
            return;
        }
        self.0.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.extend(new.iter().cloned());
            known
        });
    }

    fn get(&self, name: &str) -> Option<Arc<str>> {
        self.0.load().get(name).cloned()
    }
}

impl Inner {
    /// The slug of the tool that a model named. The session's tools are listed where it did not give the name out itself,
    /// such as where another process did. A name that no tool has stays.
    pub(crate) async fn own_slug(&self, name: &mut String) -> Result<()> {
        if !is_alias(name) {
            return Ok(());
        }
        if self.aliases.get(name).is_none() {
            self.pages().await?;
        }
        if let Some(slug) = self.aliases.get(name) {
            *name = slug.as_ref().to_owned();
        }
        Ok(())
    }
}
