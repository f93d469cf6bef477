//! The toolkits and tools that settings name: a slip in a name would leave a rule without effect.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use composio_contract::{CustomToolkit, Error, ErrorKind, PreloadTools, Result, Settings, is_custom_slug};
use composio_schema::closest;
use serde_json::{Map, Value};

use crate::meta;
use crate::router::Router;

/// How many tools `preload.tools` may name.
const MAX_PRELOADED: usize = 1_000;
/// How many unknown names are told of, and compared with those that are there.
const MAX_UNKNOWN: usize = 20;

/// What a check of names finds.
struct Names<'a> {
    router: &'a Router,
    /// Slugs of custom toolkits.
    custom: Vec<&'a str>,
    warnings: Vec<String>,
    /// What toolkits are known to have, and whether that is all.
    slugs: HashMap<&'a str, (Arc<HashSet<String>>, bool)>,
}

impl Router {
    /// Checks that the toolkits and tools that settings name are there. `bound` are the custom toolkits that the session has
    /// already. Answers what cannot be known yet: tools of a server that this process has not asked so far.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`], with what may have been meant.
    pub(crate) async fn check_names<'a>(
        &'a self,
        settings: &'a Settings,
        bound: &'a [CustomToolkit],
    ) -> Result<Vec<String>> {
        let given = settings.experimental.value().and_then(|given| given.custom_toolkits.as_ref());
        let custom = given.into_iter().flatten().chain(bound).map(|toolkit| toolkit.slug.as_str()).collect();
        let mut names = Names { router: self, custom, warnings: Vec::new(), slugs: HashMap::new() };
        let permissions = settings.experimental.value().and_then(|experimental| experimental.permissions.as_ref());
        once("tools", settings.tools.value().into_iter().flat_map(|all| all.keys()))?;
        once("connected_accounts", settings.connected_accounts.value().into_iter().flat_map(|all| all.keys()))?;
        let auth_configs = || settings.auth_configs.value().and_then(Value::as_object).into_iter().flat_map(Map::keys);
        once("auth_configs", auth_configs())?;
        let overridden = || permissions.into_iter().flat_map(|permissions| permissions.overrides.keys());
        once("experimental.permissions.overrides", overridden())?;
        auth_configs().try_for_each(|slug| names.toolkit(slug))?;
        if let Some(filter) = settings.toolkits.value() {
            let lists = [&filter.enable, &filter.disable, &filter.require_approval];
            lists.into_iter().flatten().flatten().try_for_each(|slug| names.toolkit(slug))?;
        }
        settings.connected_accounts.value().into_iter().flatten().try_for_each(|(slug, _)| names.toolkit(slug))?;
        for (toolkit, filter) in settings.tools.value().into_iter().flatten() {
            names.toolkit(toolkit)?;
            if names.is_custom(toolkit) {
                continue;
            }
            let lists = [
                ("enable", &filter.enable),
                ("disable", &filter.disable),
                ("require_approval", &filter.require_approval),
            ];
            for (key, list) in lists {
                for slug in list.iter().flatten() {
                    names.tool(&format!("tools.{toolkit}.{key}"), toolkit, slug).await?;
                }
            }
        }
        if let Some(PreloadTools::List(slugs)) = settings.preload.value().and_then(|preload| preload.tools.as_ref()) {
            if slugs.len() > MAX_PRELOADED {
                let message = format!("`preload.tools` names {} tools; it may name {MAX_PRELOADED}", slugs.len());
                return Err(Error::validation(message).with_suggested_fix("give \"all\", or fewer"));
            }
            let mut unknown = 0_usize;
            for slug in slugs {
                if unknown == MAX_UNKNOWN {
                    names.warnings.push("`preload.tools` was not checked further".to_owned());
                    break;
                }
                // Nothing is allowed by it: what is not there is not listed.
                if let Err(error) = names.any_tool("preload.tools", slug).await {
                    if error.kind() != ErrorKind::Validation {
                        return Err(error);
                    }
                    names.warnings.push(error.to_string());
                    unknown += 1;
                }
            }
        }
        for slug in overridden() {
            if !names.is_toolkit(slug) {
                names.any_tool("experimental.permissions.overrides", slug).await?;
            }
        }
        Ok(names.warnings)
    }
}

impl<'a> Names<'a> {
    fn is_custom(&self, slug: &str) -> bool {
        self.custom.iter().any(|own| own.eq_ignore_ascii_case(slug))
    }

    fn is_toolkit(&self, slug: &str) -> bool {
        self.router.catalog.toolkit(slug).is_ok() || self.is_custom(slug)
    }

    fn toolkit(&self, slug: &str) -> Result<()> {
        if self.is_toolkit(slug) {
            Ok(())
        } else {
            Err(self.router.catalog.unknown_toolkit(slug, ErrorKind::Validation))
        }
    }

    /// Whether a slug is none of a toolkit's, but of a meta tool or a custom one.
    fn is_elsewhere(&mut self, setting: &str, slug: &str) -> bool {
        let is_meta = meta::is_meta(slug);
        let mut all = meta::MetaTool::ALL.iter().map(|tool| tool.slug());
        if is_meta && !all.any(|known| known.eq_ignore_ascii_case(slug)) {
            self.warnings.push(format!("`{setting}` names `{slug}`, which is no meta tool of the embedded router"));
        }
        is_meta || is_custom_slug(slug)
    }

    /// A tool of whichever toolkit its slug names.
    async fn any_tool(&mut self, setting: &str, slug: &str) -> Result<()> {
        if self.is_elsewhere(setting, slug) {
            return Ok(());
        }
        let router = self.router;
        match router.catalog.owner(slug) {
            Some(toolkit) => self.tool(setting, toolkit, slug).await,
            None => {
                let toolkits = router.catalog.toolkits().map(|toolkit| toolkit.slug.as_str());
                let close = closest(slug, toolkits);
                let error =
                    Error::validation(format!("`{setting}` names `{slug}`, which is no toolkit and no toolkit's tool"));
                Err(suggest(error, &close))
            }
        }
    }

    /// A tool of this toolkit.
    async fn tool(&mut self, setting: &str, toolkit: &'a str, slug: &str) -> Result<()> {
        if self.is_elsewhere(setting, slug) {
            return Ok(());
        }
        let (slugs, is_whole) = match self.slugs.get(toolkit) {
            Some((slugs, is_whole)) => (Arc::clone(slugs), *is_whole),
            None => {
                let found = self.router.catalog.slugs(toolkit).await?;
                self.slugs.insert(toolkit, found.clone());
                found
            }
        };
        if slugs.contains(&slug.to_lowercase()) {
            return Ok(());
        }
        if is_whole {
            let known: Vec<String> = slugs.iter().map(|slug| slug.to_uppercase()).collect();
            let close = closest(slug, known.iter().map(String::as_str));
            let error =
                Error::validation(format!("`{setting}` names `{slug}`, which the toolkit `{toolkit}` does not have"));
            return Err(suggest(error, &close));
        }
        self.warnings.push(format!(
            "`{setting}` names `{slug}`, and whether the toolkit `{toolkit}` has it cannot be known before its server is asked"
        ));
        Ok(())
    }
}

/// Refuses keys that differ in case alone: one of the two would be without effect.
fn once<'a>(setting: &str, keys: impl Iterator<Item = &'a String>) -> Result<()> {
    let mut seen: HashMap<String, &String> = HashMap::new();
    for key in keys {
        if let Some(other) = seen.insert(key.to_lowercase(), key) {
            let message = format!("`{setting}` has both `{other}` and `{key}`, which are the same");
            return Err(Error::validation(message).with_suggested_fix("keep one of them"));
        }
    }
    Ok(())
}

fn suggest(error: Error, close: &[&str]) -> Error {
    if close.is_empty() { error } else { error.with_suggested_fix(format!("did you mean {}?", close.join(" or "))) }
}
