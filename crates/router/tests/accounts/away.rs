//! A store that is away when it is to keep a token.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use composio_contract::{Error, ErrorKind, Result};
use composio_router::Project;
use composio_router::store::{
    AccountRow, AccountStore, ApprovalRow, KeyRow, LinkRow, LogEntry, LogQuery, PinStore, Prune, Revocation,
    SessionRow, SessionSummary, Store, VersionRow,
};

/// Another store, which is away for the next so many changes of an account.
#[derive(Debug)]
pub(crate) struct Away {
    store: Arc<dyn Store>,
    changes: AtomicU32,
}

impl Away {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, changes: AtomicU32::new(0) }
    }

    pub(crate) fn for_changes(&self, changes: u32) {
        self.changes.store(changes, Ordering::SeqCst);
    }

    /// How many of them are still to come.
    pub(crate) fn left(&self) -> u32 {
        self.changes.load(Ordering::SeqCst)
    }

    fn other(&self) -> &dyn Store {
        self.store.as_ref()
    }

    fn rows(&self) -> &dyn AccountStore {
        self.store.accounts().unwrap()
    }
}

macro_rules! hand_on {
    ($kind:ident to $to:ident: $(+ $name:ident($($given:ident: $of:ty),*) -> $out:ty;)* and $($own:item)*) => {
        #[async_trait]
        impl $kind for Away {
            $(async fn $name(&self $(, $given: $of)*) -> Result<$out> { self.$to().$name($($given),*).await })*
            $($own)*
        }
    };
}

hand_on! { Store to other:
    + create_session(row: SessionRow) -> ();
    + revision(project: &Project, session_id: &str) -> Option<i64>;
    + session(project: &Project, session_id: &str) -> Option<SessionRow>;
    + sessions(project: &Project, limit: u64) -> Vec<SessionSummary>;
    + update_config(project: &Project, session_id: &str, base: i64, config: String, experimental: String) -> bool;
    + bind_tools(project: &Project, session_id: &str, custom_tools: String) -> bool;
    + delete_session(project: &Project, session_id: &str) -> bool;
    + config_versions(project: &Project, session_id: &str, offset: u64, limit: u64) -> (Vec<VersionRow>, u64);
    + add_approval(row: ApprovalRow) -> ();
    + take_approval(session_id: &str, state: &str) -> Option<ApprovalRow>;
    + grant(session_id: &str, tool_slug: &str, identity: [u8; 32]) -> ();
    + is_granted(session_id: &str, identity: [u8; 32]) -> bool;
    + log_started(entry: LogEntry) -> ();
    + find_log(query: &LogQuery) -> Vec<LogEntry>;
    + log_projects() -> Vec<Project>;
    + touch_session(project: &Project, session_id: &str) -> ();
    + prune(what: &Prune, limit: u64) -> u64;
    + count(what: &Prune) -> u64;
    + shrink() -> bool;
    + hold(name: &str, holder: &str, time: Duration) -> bool;
    + flush() -> ();
    + add_key(row: KeyRow) -> ();
    + key(id: &str) -> Option<KeyRow>;
    + keys() -> Vec<KeyRow>;
    + has_keys() -> bool;
    + revoke_key(id: &str) -> bool;
    + revoke_token(session_id: &str, revocation: Revocation) -> ();
    + revocations(session_id: &str) -> Vec<Revocation>;
    + signing_key() -> Option<Vec<u8>>;
    + keep_signing_key(base: Option<Vec<u8>>, key: Vec<u8>) -> bool;
    + use_ticket(id: &str, expires_at: i64) -> bool;
    + is_ticket_used(id: &str) -> bool;
    + count_sessions(project: &Project, limit: u64) -> u64;
    + ping() -> ();
    and
    fn log(&self, entry: LogEntry) {
        self.store.log(entry);
    }

    fn accounts(&self) -> Option<&dyn AccountStore> {
        Some(self)
    }

    fn pin_store(&self) -> &dyn PinStore {
        self.store.pin_store()
    }
}

hand_on! { AccountStore to rows:
    + data_keys() -> Option<Vec<u8>>;
    + keep_data_keys(base: Option<Vec<u8>>, wrapped: Vec<u8>) -> bool;
    + add_account(row: AccountRow, link: Option<LinkRow>) -> ();
    + account(project: &Project, id: &str) -> Option<AccountRow>;
    + accounts(project: &Project, user_id: Option<&str>) -> Vec<AccountRow>;
    + delete_account(project: &Project, id: &str) -> bool;
    + link(hash: &[u8; 32]) -> Option<LinkRow>;
    + take_link(hash: &[u8; 32]) -> Option<LinkRow>;
    + lease(project: &Project, id: &str, holder: &str, time: Duration) -> bool;
    + release(project: &Project, id: &str, holder: &str) -> ();
    and
    async fn change_account(&self, row: AccountRow, link: Option<LinkRow>) -> Result<bool> {
        let away = self.changes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |changes| changes.checked_sub(1));
        if away.is_ok() {
            return Err(Error::new(ErrorKind::InternalServer, "the store is away").with_status(503));
        }
        self.rows().change_account(row, link).await
    }
}
