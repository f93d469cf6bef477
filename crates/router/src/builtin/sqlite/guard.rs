//! Opens a database so that SQL reaches nothing but that one file, and stops when nobody waits or time is up.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use composio_contract::{Error, ErrorKind, Result};
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::source::CallContext;
use crate::workspace::blocking::Cancel;
use crate::workspace::{FileKind, Workspace};

/// How long to wait for a lock that another connection holds.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// The longest text, blob or row, in bytes: `zeroblob(1e9)` must not take the process's memory.
const MAX_VALUE: i32 = 64 * 1024 * 1024;
/// How many steps of SQLite's machine lie between two looks at the clock, a fraction of a millisecond.
const STEPS: i32 = 1_000;

/// What a call may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// An open database.
pub(super) struct Database {
    connection: Connection,
    access: Access,
    /// What the authorizer refused, in words.
    refused: Arc<OnceLock<String>>,
    cancel: Cancel,
    time_limit: Duration,
    workspace: Arc<Workspace>,
    name: String,
    /// Bytes that it may have.
    limit: Option<u64>,
}

impl Database {
    pub(super) fn open(context: &CallContext, name: &str, access: Access, cancel: &Cancel) -> Result<Self> {
        check_file(context, name, access)?;
        let how = match access {
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        };
        // SQLite knows files by path only, so a folder in the path that became a link after any check would lead it
        // astray. A database therefore lies at the top of the folder: the folder's own path is out of the user's reach, and
        // SQLite opens the last name, also that of its journals, so that a link there is an error (`O_NOFOLLOW`).
        let flags = how | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let refused = Arc::default();
        let limit = match access {
            Access::Read => None,
            Access::Write => context.workspace.database_limit(name)?,
        };
        let path = context.workspace.root().join(name);
        let is_new = access == Access::Write && !path.exists();
        let connection = Connection::open_with_flags(&path, flags)
            .and_then(|connection| confine(connection, context.time_limit, cancel))
            .and_then(|mut connection| {
                if access == Access::Write {
                    if let Some(limit) = limit {
                        keep_below(&connection, limit)?;
                    }
                    connection.execute_batch("BEGIN IMMEDIATE")?;
                    if is_new {
                        keep_private(&path)?;
                    }
                }
                connection.authorizer(Some(authorizer(access, Arc::clone(&refused))))?;
                Ok(connection)
            })
            .map_err(|error| explain(error, &refused, context.time_limit))?;
        Ok(Self {
            connection,
            access,
            refused,
            cancel: cancel.clone(),
            time_limit: context.time_limit,
            workspace: Arc::clone(&context.workspace),
            name: name.to_owned(),
            limit,
        })
    }

    /// Does the call's work. What it changed takes effect if it succeeds; otherwise closing the connection undoes it.
    pub(super) fn run<T>(mut self, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T> {
        let done = work(&self.connection).and_then(|result| {
            if self.access == Access::Write {
                self.cancel.check()?;
                self.connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
                self.connection.execute_batch("COMMIT")?;
            }
            Ok(result)
        });
        if self.access == Access::Write {
            self.workspace.note_change();
        }
        done.map_err(|failure| match failure {
            Failure::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
                let full = self.limit.and_then(|limit| self.workspace.refuse_database(&self.name, limit));
                full.unwrap_or_else(|| explain(error, &self.refused, self.time_limit))
            }
            Failure::Sqlite(error) => explain(error, &self.refused, self.time_limit),
            Failure::Other(error) => error,
        })
    }
}

/// Makes a database that SQLite has just made its owner's alone; its journal then has the same mode. By its path: a handle of
/// our own would give up SQLite's locks when it is closed.
fn keep_private(path: &Path) -> rusqlite::Result<()> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, mode).map_err(|error| {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
            rusqlite::Error::SqliteFailure(code, Some(format!("its mode cannot be set: {error}")))
        })?;
    }
    let _ = path;
    Ok(())
}

/// Why work on a database failed.
pub(super) enum Failure {
    Sqlite(rusqlite::Error),
    Other(Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

fn check_file(context: &CallContext, name: &str, access: Access) -> Result<()> {
    if name.contains('/') {
        return Err(Error::new(
            ErrorKind::UnsafePath,
            format!("the database {name:?} does not lie at the top of the folder"),
        )
        .with_suggested_fix("give a file name without /, or move the file there with FILES_MOVE"));
    }
    // SQLite opens its journals too.
    for end in ["", "-journal", "-wal", "-shm"] {
        context.workspace.check_links("open", &format!("{name}{end}"))?;
    }
    match context.workspace.link_stat(name) {
        Ok(info) if info.kind == FileKind::File => Ok(()),
        Ok(info) if info.kind == FileKind::Link => Err(Error::new(
            ErrorKind::UnsafePath,
            format!("the database {name:?} is a symbolic link, which is not followed"),
        )),
        Ok(_) => Err(Error::new(ErrorKind::File, format!("{name:?} is not a file"))),
        Err(error) if error.kind() == ErrorKind::FileNotFound && access == Access::Write => Ok(()),
        Err(error) if error.kind() == ErrorKind::FileNotFound => {
            Err(Error::new(ErrorKind::FileNotFound, format!("there is no database {name:?}"))
                .with_suggested_fix("create it with SQLITE_EXECUTE"))
        }
        Err(error) => Err(error),
    }
}

fn confine(mut connection: Connection, time_limit: Duration, cancel: &Cancel) -> rusqlite::Result<Connection> {
    connection.busy_timeout(LOCK_WAIT.min(time_limit))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE)?;
    let cancel = cancel.clone();
    let deadline = Instant::now().checked_add(time_limit);
    let stop = move || cancel.is_cancelled() || deadline.is_some_and(|deadline| Instant::now() >= deadline);
    connection.progress_handler(STEPS, Some(stop))?;
    Ok(connection)
}

/// Lets the database have no more than so many bytes. One that has more already stays as large as it is.
fn keep_below(connection: &Connection, limit: u64) -> rusqlite::Result<()> {
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages = limit / u64::try_from(page).unwrap_or(1).max(1);
    // 0 would leave it as it is.
    let pages = i64::try_from(pages).unwrap_or(i64::MAX).clamp(1, i64::from(u32::MAX - 1));
    connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
}

/// Allows what is listed and refuses the rest.
fn authorizer(
    access: Access,
    refused: Arc<OnceLock<String>>,
) -> impl for<'r> FnMut(AuthContext<'r>) -> Authorization + Send + 'static {
    move |context| {
        if reads(&context.action) || (access == Access::Write && writes(&context.action)) {
            return Authorization::Allow;
        }
        // The first refusal is the cause; ones that follow from it say less.
        refused.get_or_init(|| name(&context.action));
        Authorization::Deny
    }
}

fn reads(action: &AuthAction<'_>) -> bool {
    match action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => true,
        AuthAction::Function { function_name } => !function_name.eq_ignore_ascii_case("load_extension"),
        AuthAction::Pragma { pragma_name, pragma_value } => reads_pragma(pragma_name, pragma_value.is_some()),
        _ => false,
    }
}

/// Pragmas that only tell: some of a table or index that is named, the others of the database.
fn reads_pragma(name: &str, has_value: bool) -> bool {
    const OF_SOMETHING: [&str; 10] = [
        "foreign_key_check",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
    ];
    const OF_THE_DATABASE: [&str; 9] = [
        "application_id",
        "collation_list",
        "data_version",
        "encoding",
        "foreign_keys",
        "freelist_count",
        "page_count",
        "page_size",
        "user_version",
    ];
    let is = |known: &&str| name.eq_ignore_ascii_case(known);
    OF_SOMETHING.iter().any(is) || (!has_value && OF_THE_DATABASE.iter().any(is))
}

fn writes(action: &AuthAction<'_>) -> bool {
    match action {
        AuthAction::Insert { .. }
        | AuthAction::Update { .. }
        | AuthAction::Delete { .. }
        | AuthAction::CreateTable { .. }
        | AuthAction::CreateIndex { .. }
        | AuthAction::CreateView { .. }
        | AuthAction::CreateTrigger { .. }
        | AuthAction::AlterTable { .. }
        | AuthAction::DropTable { .. }
        | AuthAction::DropIndex { .. }
        | AuthAction::DropView { .. }
        | AuthAction::DropTrigger { .. }
        | AuthAction::DropVtable { .. }
        | AuthAction::Reindex { .. }
        | AuthAction::Analyze { .. } => true,
        AuthAction::CreateVtable { module_name, .. } => {
            ["fts5", "rtree"].iter().any(|known| module_name.eq_ignore_ascii_case(known))
        }
        AuthAction::Pragma { pragma_name, .. } => {
            ["application_id", "user_version"].iter().any(|known| pragma_name.eq_ignore_ascii_case(known))
        }
        _ => false,
    }
}

fn name(action: &AuthAction<'_>) -> String {
    match action {
        AuthAction::Attach { .. } | AuthAction::Detach { .. } => "ATTACH, DETACH or VACUUM".to_owned(),
        AuthAction::Pragma { pragma_name, .. } => format!("PRAGMA {pragma_name}"),
        AuthAction::Function { function_name } => format!("the function {function_name}"),
        AuthAction::CreateVtable { module_name, .. } => format!("a virtual table of {module_name}"),
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => {
            "BEGIN, COMMIT, ROLLBACK or SAVEPOINT (each call is a transaction of its own)".to_owned()
        }
        AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. } => "a temporary table, index, trigger or view".to_owned(),
        _ => "a change".to_owned(),
    }
}

/// An error of SQLite's for a model to read.
fn explain(error: rusqlite::Error, refused: &OnceLock<String>, time_limit: Duration) -> Error {
    let (message, offset) = match &error {
        rusqlite::Error::SqlInputError { msg, offset, .. } => (msg.clone(), usize::try_from(*offset).ok()),
        rusqlite::Error::SqliteFailure(_, Some(message)) => (message.clone(), None),
        _ => (error.to_string(), None),
    };
    let (kind, message) = match error.sqlite_error_code() {
        // A function that is refused has no error code of its own.
        code if code == Some(ErrorCode::AuthorizationForStatementDenied) || message.starts_with("not authorized") => {
            let what = refused.get().map_or("that statement", String::as_str);
            (ErrorKind::Validation, format!("{what} is not allowed here"))
        }
        Some(ErrorCode::OperationInterrupted) => {
            (ErrorKind::Timeout, format!("the statement did not finish within {} s", time_limit.as_secs_f64()))
        }
        Some(ErrorCode::DatabaseBusy) => {
            (ErrorKind::File, "the database is locked by another call; try again".to_owned())
        }
        Some(ErrorCode::NotADatabase) => (ErrorKind::File, "the file is not a SQLite database".to_owned()),
        _ => match offset {
            Some(offset) => (ErrorKind::Validation, format!("{message} (at byte {offset} of the SQL)")),
            None => (ErrorKind::Validation, message),
        },
    };
    Error::new(kind, message).with_source(error)
}
