//! Sessions: made, read, changed and deleted; and kept ready in memory as long as the store has no newer revision.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use composio_contract::{
    AttachSession, ConfigVersion, CreateSession, CustomTools, DeletedSession, Error, ErrorKind, Experimental,
    ExperimentalSettings, McpServer, Page, PageQuery, RawJson, Result, Session, SessionConfig, UpdateSession,
};
use serde_json::json;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::bounded::Bounded;
use crate::catalog::Catalog;
use crate::page::Window;
use crate::policy::Policy;
use crate::project::Project;
use crate::router::Router;
use crate::store::{Prune, SessionRow, prune_all};
use crate::{clock, custom, keys, meta, prompt, settings};

/// The code of the warnings that a session's reply has of settings which could not be checked.
pub const SETTING_NOT_CHECKED: &str = "SETTING_NOT_CHECKED";
/// Sessions kept ready.
const CACHED: usize = 1_024;
/// Accounts of a toolkit that a user may have, where the session allows several and says no number.
const MAX_ACCOUNTS: u8 = 5;
/// How often an update is tried again when another one came in between.
const ATTEMPTS: usize = 16;
/// Bytes of a user's id: it is in every entry of the log.
const MAX_USER_ID: usize = 2_048;
/// Bytes of a configuration as JSON. Several versions of it are kept.
const MAX_CONFIG: usize = 256 << 10;
/// Bytes of a session's custom tools as JSON.
const MAX_CUSTOM_TOOLS: usize = 4 << 20;

/// A session, read and made ready to be asked.
#[derive(Debug)]
pub(crate) struct LiveSession {
    pub(crate) id: String,
    pub(crate) project: Project,
    pub(crate) user_id: String,
    /// The custom tools bound to it, with their final slugs.
    pub(crate) custom: CustomTools,
    pub(crate) policy: Policy,
    config: SessionConfig,
    config_version: i64,
    experimental: ExperimentalSettings,
    revision: i64,
    /// When the store was last told that it is used; the seconds of [`uptime`], and 0 for never.
    touched: AtomicU64,
}

/// Seconds since the first call, and one.
fn uptime() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs() + 1
}

impl LiveSession {
    /// Without toolkits that need accounts, or have an API, what is said of those is kept and offers nothing.
    fn read(row: SessionRow, accounts_are_needed: bool, catalog: &Catalog) -> Result<Self> {
        let damaged = |error: serde_json::Error| {
            Error::new(ErrorKind::InternalServer, "the stored session cannot be read").with_source(error)
        };
        let config: SessionConfig = serde_json::from_str(&row.config).map_err(damaged)?;
        let experimental: ExperimentalSettings = serde_json::from_str(&row.experimental).map_err(damaged)?;
        let mut policy = Policy::new(&config, &experimental);
        policy.sort_rules(|name| catalog.toolkit(name).is_ok(), |slug| catalog.owner(slug));
        if !accounts_are_needed {
            policy = policy.without_connections();
        }
        if !catalog.sources().any(|source| source.has_api() && policy.toolkit(&source.toolkit().slug).is_ok()) {
            policy = policy.without_raw_calls();
        }
        for source in catalog.sources_by_account() {
            // Until its user's accounts have been asked.
            policy.list_only(&source.toolkit().slug, Vec::new());
        }
        Ok(Self {
            custom: serde_json::from_str(&row.custom_tools).map_err(damaged)?,
            policy,
            id: row.session_id,
            project: row.project,
            user_id: row.user_id,
            config,
            config_version: row.config_version,
            experimental,
            revision: row.revision,
            touched: AtomicU64::new(0),
        })
    }

    /// Whether the store should be told that the session is used; the next hour it need not be.
    fn is_touch_due(&self) -> bool {
        let (now, touched) = (uptime(), self.touched.load(Ordering::Relaxed));
        (touched == 0 || now - touched >= 3_600)
            && self.touched.compare_exchange(touched, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Counts up with each change.
    pub(crate) fn revision(&self) -> i64 {
        self.revision
    }

    /// The accounts that the session uses of a toolkit, where it names them.
    pub(crate) fn pinned(&self, toolkit: &str) -> Option<&[String]> {
        let accounts = self.config.connected_accounts.as_ref()?;
        accounts.iter().find(|(slug, _)| slug.eq_ignore_ascii_case(toolkit)).map(|(_, accounts)| accounts.0.as_slice())
    }

    /// Whether a call must say which account it means, where there are several.
    pub(crate) fn wants_explicit_account(&self) -> bool {
        let multi = self.config.multi_account.as_ref().filter(|multi| multi.enable == Some(true));
        multi.is_some_and(|multi| multi.require_explicit_selection.unwrap_or(true))
    }

    /// How many active accounts of a toolkit a user may have, where the session says.
    pub(crate) fn account_limit(&self) -> Option<usize> {
        let multi = self.config.multi_account.as_ref().filter(|multi| multi.enable == Some(true))?;
        Some(multi.max_accounts_per_toolkit.unwrap_or(MAX_ACCOUNTS).into())
    }

    /// Where users' browsers go once an account is connected, where no call says another place.
    pub(crate) fn callback_url(&self) -> Option<&str> {
        self.config.manage_connections.as_ref()?.callback_url.as_deref()
    }

    /// Refuses an auth config that the session asks for and the router has not.
    pub(crate) fn check_auth_config(&self, toolkit: &str, id: &str) -> Result<()> {
        let wanted = self.config.auth_configs.as_ref().and_then(|configs| configs.get(toolkit)?.as_str());
        match wanted.filter(|wanted| *wanted != id) {
            None => Ok(()),
            Some(wanted) => {
                Err(Error::validation(format!("`auth_configs.{toolkit}` is `{wanted}`, which is not there"))
                    .with_suggested_fix(format!("the toolkit's auth config is `{id}`; leave the setting out")))
            }
        }
    }

    /// The session as replies carry it.
    ///
    /// The URL in `mcp` is empty: whoever serves the router knows it, and within a program it is made when it is asked for.
    fn reply(&self, warnings: Vec<String>) -> Result<Session> {
        let some = |list: &Vec<_>| (!list.is_empty()).then(|| list.clone());
        Ok(Session {
            session_id: self.id.clone(),
            config: RawJson::encode(&self.config)?,
            config_version: self.config_version,
            mcp: McpServer { kind: "http".to_owned(), url: String::new(), headers: Default::default() },
            tool_router_tools: meta::offered(&self.policy).map(|tool| tool.slug().to_owned()).collect(),
            experimental: Some(Experimental {
                assistive_prompt: Some(prompt::assistive(&self.policy, &self.experimental)),
                custom_tools: some(&self.custom.custom_tools),
                custom_toolkits: (!self.custom.custom_toolkits.is_empty()).then(|| self.custom.custom_toolkits.clone()),
                no_elicitation_support_fallback: self.experimental.no_elicitation_support_fallback.clone(),
            }),
            warnings: (!warnings.is_empty()).then(|| {
                warnings.into_iter().map(|message| json!({"code": SETTING_NOT_CHECKED, "message": message})).collect()
            }),
        })
    }
}

/// The sessions used of late.
#[derive(Debug, Default)]
pub(crate) struct SessionCache(Mutex<Bounded<String, Arc<LiveSession>, CACHED>>);

impl SessionCache {
    fn get(&self, project: &Project, id: &str, revision: i64) -> Option<Arc<LiveSession>> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |session: &&Arc<LiveSession>| session.revision == revision && session.project == *project;
        sessions.get(id).filter(fits).map(Arc::clone)
    }

    fn put(&self, session: &Arc<LiveSession>) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.insert(session.id.clone(), Arc::clone(session));
    }

    /// Another project's session stays, whoever guesses its id.
    fn remove(&self, project: &Project, id: &str) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.get(id).is_some_and(|session| session.project == *project) {
            sessions.remove(id);
        }
    }
}

fn unknown(id: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no session `{id}`")).with_status(404)
}

impl Router {
    /// A session as the store has it now.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], or [`ErrorKind::Closed`].
    pub(crate) async fn session(&self, id: &str) -> Result<Arc<LiveSession>> {
        self.ensure_open()?;
        let Some(revision) = self.store.revision(&self.project, id).await? else {
            self.sessions.remove(&self.project, id);
            return Err(unknown(id));
        };
        if let Some(session) = self.sessions.get(&self.project, id, revision) {
            self.touch(&session);
            return Ok(session);
        }
        let row = self.store.session(&self.project, id).await?.ok_or_else(|| unknown(id))?;
        let session = Arc::new(LiveSession::read(row, self.accounts.are_needed(), &self.catalog)?);
        self.sessions.put(&session);
        self.touch(&session);
        Ok(session)
    }

    /// A session for a call of its user's, unless there were too many.
    ///
    /// # Errors
    /// As [`Router::session`], and [`ErrorKind::RateLimit`].
    pub(crate) async fn called(&self, id: &str) -> Result<Arc<LiveSession>> {
        let session = self.session(id).await?;
        self.quotas.admit_user(&self.project, &session.user_id)?;
        Ok(session)
    }

    /// Tells the store that a session is used, once an hour. No call waits for that.
    fn touch(&self, session: &LiveSession) {
        if !session.is_touch_due() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let (store, project, id) = (Arc::clone(&self.store), session.project.clone(), session.id.clone());
        runtime.spawn(async move {
            if let Err(error) = store.touch_session(&project, &id).await {
                tracing::warn!(%error, "the last use of a session is not noted");
            }
        });
    }

    pub(crate) async fn make_session(&self, request: &CreateSession) -> Result<Session> {
        self.ensure_open()?;
        if request.user_id.trim().is_empty() {
            return Err(Error::validation("`user_id` is empty; give the id by which your program knows the user"));
        }
        check_size("`user_id`", request.user_id.len(), MAX_USER_ID)?;
        let mut config = settings::defaults(&request.user_id);
        let mut experimental = ExperimentalSettings::default();
        let mut warnings = keys::check(&request.settings, &request.extra)?;
        warnings.extend(self.check_names(&request.settings, &[]).await?);
        settings::apply(&request.settings, &mut config, &mut experimental)?;
        let custom = request.settings.experimental.value().map_or_else(CustomTools::default, |given| CustomTools {
            custom_tools: given.custom_tools.clone().unwrap_or_default(),
            custom_toolkits: given.custom_toolkits.clone().unwrap_or_default(),
        });
        let row = SessionRow {
            project: self.project.clone(),
            session_id: format!("trs_{}", Uuid::new_v4().simple()),
            user_id: request.user_id.clone(),
            config: encode(&config)?,
            experimental: encode(&experimental)?,
            custom_tools: encode_tools(custom)?,
            config_version: 1,
            revision: 1,
        };
        self.quotas.admit_session(&self.project, self.store.as_ref()).await?;
        check_size(CONFIG, row.config.len() + row.experimental.len(), MAX_CONFIG)?;
        self.store.create_session(row.clone()).await?;
        let session = Arc::new(LiveSession::read(row, self.accounts.are_needed(), &self.catalog)?);
        self.sessions.put(&session);
        session.reply(warnings)
    }

    pub(crate) async fn read_session(&self, id: &str) -> Result<Session> {
        self.session(id).await?.reply(Vec::new())
    }

    /// Binds custom tools in place of those bound before.
    pub(crate) async fn attach(&self, id: &str, request: &AttachSession) -> Result<Session> {
        self.ensure_open()?;
        let tools = encode_tools(custom::from_request(request.experimental.as_ref())?)?;
        if !self.store.bind_tools(&self.project, id, tools).await? {
            return Err(unknown(id));
        }
        self.session_changes.note();
        self.read_session(id).await
    }

    /// Changes the configuration. Without an expected version a change that came in between is kept, not overwritten:
    /// this one is applied on top of it.
    pub(crate) async fn change_session(&self, id: &str, request: &UpdateSession) -> Result<Session> {
        for _ in 0..ATTEMPTS {
            let session = self.session(id).await?;
            let mut warnings = keys::check(&request.settings, &request.extra)?;
            warnings.extend(self.check_names(&request.settings, &session.custom.custom_toolkits).await?);
            let base = session.config_version;
            if let Some(expected) = request.expected_config_version
                && expected != base
            {
                return Err(conflict(expected, base));
            }
            let mut config = session.config.clone();
            let mut experimental = session.experimental.clone();
            settings::apply(&request.settings, &mut config, &mut experimental)?;
            let (config, experimental) = (encode(&config)?, encode(&experimental)?);
            check_size(CONFIG, config.len() + experimental.len(), MAX_CONFIG)?;
            if self.store.update_config(&self.project, id, base, config, experimental).await? {
                self.forget_versions(id, base + 1).await;
                self.session_changes.note();
                return self.session(id).await?.reply(warnings);
            }
        }
        Err(Error::new(ErrorKind::Conflict, "the session is being changed by others all the time; try again later")
            .with_status(409)
            .with_retryable(true))
    }

    /// Removes the versions of a configuration that are not kept. The change itself is done, whatever comes of this.
    async fn forget_versions(&self, id: &str, version: i64) {
        let Some(kept) = self.retention.versions().filter(|kept| version > i64::from(*kept)) else { return };
        let what = Prune::Versions { session_id: Some(id.to_owned()), kept };
        if let Err(error) = prune_all(self.store.as_ref(), &what).await {
            tracing::warn!(%error, "old versions of a session's configuration are removed later");
        }
    }

    pub(crate) async fn remove_session(&self, id: &str) -> Result<DeletedSession> {
        self.ensure_open()?;
        self.sessions.remove(&self.project, id);
        if self.store.delete_session(&self.project, id).await? {
            self.session_changes.note();
            Ok(DeletedSession { deleted: true, session_id: id.to_owned() })
        } else {
            Err(unknown(id))
        }
    }

    pub(crate) async fn history(&self, id: &str, query: &PageQuery) -> Result<Page<ConfigVersion>> {
        let session = self.session(id).await?;
        let window = Window::new(query.limit, query.cursor.as_deref(), 100)?;
        let (rows, total) = self.store.config_versions(&self.project, id, window.offset, window.limit).await?;
        let versions = rows.into_iter().map(|row| {
            Ok(ConfigVersion {
                config: RawJson::parse(row.config)?,
                created_at: clock::rfc3339(row.created_at),
                is_current: row.version == session.config_version,
                version: row.version,
            })
        });
        Ok(window.page(versions.collect::<Result<_>>()?, total))
    }
}

/// What a message calls a session's configuration.
const CONFIG: &str = "the session's configuration";

fn check_size(what: &str, size: usize, most: usize) -> Result<()> {
    if size <= most {
        return Ok(());
    }
    Err(Error::validation(format!("{what} is too large: {size} bytes, and at most {most} are kept; give less"))
        .with_status(400))
}

fn encode_tools(tools: CustomTools) -> Result<String> {
    let text = encode(&custom::bind(tools)?)?;
    check_size("the JSON of the session's custom tools", text.len(), MAX_CUSTOM_TOOLS)?;
    Ok(text)
}

fn encode<T: serde::Serialize>(value: &T) -> Result<String> {
    RawJson::encode(value).map(|raw| raw.as_str().to_owned())
}

fn conflict(expected: i64, current: i64) -> Error {
    Error::new(
        ErrorKind::SessionConfigConflict,
        format!("the session's configuration is at version {current}, not at {expected}"),
    )
    .with_status(409)
    .with_slug("ToolRouter_SessionConfigConflict")
    .with_suggested_fix("read the session again and apply the change to what it is now")
    .with_retryable(false)
}
