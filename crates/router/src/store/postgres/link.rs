//! The way to the database: pooled connections, a schema that is brought up to date once, and calls that fail at once
//! while the database is away.

use std::fmt;
use std::pin::pin;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use composio_contract::{Error, ErrorKind, Result};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{Connection as _, Executor as _, PgConnection, Postgres};
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, watch};
use tokio::time::{sleep, timeout};

use super::migrate;
use crate::store::{DatabaseUrl, failed, full, unavailable};

/// Connections of one process, beside that of the log.
const CONNECTIONS: u32 = 16;
/// How long a call waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long it waits before it is asked whether the database is there at all.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long the database may take to let a connection in.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a statement may take, also where the database has stopped answering.
const STATEMENT: Duration = Duration::from_secs(10);
/// A connection that was idle for so long is tried before it is used.
const STALE: Duration = Duration::from_secs(1);
/// How long between two looks whether the database is back.
const PROBE: Duration = Duration::from_millis(300);
/// The same for every connection. The schema has a name of its own, so that the database may be one that others use too.
const SETUP: &str = "SET search_path TO composio; SET statement_timeout TO '10s'; \
                     SET idle_in_transaction_session_timeout TO '10s'";

pub(super) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// The way to the database.
pub(super) struct Link(Arc<Inner>);

struct Inner {
    pool: PgPool,
    /// They hold the password; they are not to be shown.
    options: PgConnectOptions,
    shown: String,
    migrated: OnceCell<()>,
    /// Why the database cannot be reached, while it cannot.
    away: watch::Sender<Option<String>>,
    probing: AtomicBool,
    runtime: Handle,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.0.shown)
    }
}

/// What the driver makes of a URL.
pub(super) fn options(url: &DatabaseUrl) -> Result<PgConnectOptions> {
    use sqlx::ConnectOptions as _;

    let options = PgConnectOptions::from_str(url.expose()).map_err(|error| {
        Error::new(ErrorKind::Configuration, format!("the URL of the database {url} cannot be used: {error}"))
    })?;
    Ok(options.application_name("composio").disable_statement_logging())
}

/// A connection outside of the pool.
pub(super) async fn connect(options: &PgConnectOptions) -> sqlx::Result<PgConnection> {
    let connecting = async {
        let mut connection = PgConnection::connect_with(options).await?;
        connection.execute(SETUP).await?;
        Ok(connection)
    };
    in_time(CONNECT, connecting).await
}

/// Ends what takes too long with an error as from a broken connection.
async fn in_time<T>(limit: Duration, work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}

/// As [`in_time`], for statements.
pub(super) async fn statement_in_time<T>(work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    in_time(STATEMENT, work).await
}

impl Link {
    pub(super) fn new(url: &DatabaseUrl, options: PgConnectOptions, runtime: &Handle) -> Self {
        let _inside = runtime.enter();
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE)
            .idle_timeout(Duration::from_secs(300))
            .max_lifetime(Duration::from_secs(1_800))
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for >= STALE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_connect(|connection, _| Box::pin(async move { connection.execute(SETUP).await.map(drop) }))
            .connect_lazy_with(options.clone());
        Self(Arc::new(Inner {
            pool,
            options,
            shown: url.to_string(),
            migrated: OnceCell::new(),
            away: watch::Sender::new(None),
            probing: AtomicBool::new(false),
            runtime: runtime.clone(),
        }))
    }

    /// The rows of a statement.
    pub(super) async fn rows(&self, what: &str, statement: Statement<'_>) -> Result<Vec<PgRow>> {
        let mut connection = self.connection(what).await?;
        let done = self.while_there(statement_in_time(statement.fetch_all(&mut *connection))).await;
        self.judge(what, done, connection)
    }

    /// The row of a statement, if it has one.
    pub(super) async fn row(&self, what: &str, statement: Statement<'_>) -> Result<Option<PgRow>> {
        let mut connection = self.connection(what).await?;
        let done = self.while_there(statement_in_time(statement.fetch_optional(&mut *connection))).await;
        self.judge(what, done, connection)
    }

    /// Whether a statement changed anything.
    pub(super) async fn changes(&self, what: &str, statement: Statement<'_>) -> Result<bool> {
        self.affected(what, statement).await.map(|count| count > 0)
    }

    /// How many rows a statement changed.
    pub(super) async fn affected(&self, what: &str, statement: Statement<'_>) -> Result<u64> {
        let mut connection = self.connection(what).await?;
        let done = self.while_there(statement_in_time(statement.execute(&mut *connection))).await;
        self.judge(what, done, connection).map(|done| done.rows_affected())
    }

    async fn connection(&self, what: &str) -> Result<PoolConnection<Postgres>> {
        self.0
            .migrated
            .get_or_try_init(async || {
                let mut connection = self.acquire("bring its schema up to date").await?;
                match statement_in_time(migrate::run(&mut connection)).await {
                    Ok(done) => done,
                    broken => self.judge("bring its schema up to date", broken.map(drop), connection),
                }
            })
            .await?;
        self.acquire(what).await
    }

    async fn acquire(&self, what: &str) -> Result<PoolConnection<Postgres>> {
        let away = self.0.away.borrow().clone();
        if let Some(reason) = away {
            return Err(unavailable(what, format!("{}: {reason}", self.0.shown)));
        }
        self.while_there(self.0.pool.acquire()).await.map_err(|error| self.error(what, error))
    }

    /// Waits for the database, which may be slow, but not for one that is away.
    async fn while_there<T>(&self, work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
        let mut work = pin!(work);
        if let Ok(done) = timeout(PATIENCE, &mut work).await {
            return done;
        }
        let mut away = self.0.away.subscribe();
        self.suspect();
        tokio::select! {
            done = work => done,
            gone = away.wait_for(Option::is_some) => {
                let reason = gone.ok().and_then(|reason| reason.clone()).unwrap_or_default();
                Err(sqlx::Error::Io(std::io::Error::other(reason)))
            }
        }
    }

    fn judge<T>(&self, what: &str, done: sqlx::Result<T>, mut connection: PoolConnection<Postgres>) -> Result<T> {
        done.map_err(|error| {
            let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
            // Without a code it broke, and with one of these the server has ended it.
            if code.is_none_or(|code| code.starts_with("57P")) {
                connection.close_on_drop();
            }
            self.error(what, error)
        })
    }

    fn error(&self, what: &str, error: sqlx::Error) -> Error {
        let error = explain(what, &self.0.shown, error);
        if error.slug() == Some(crate::store::UNAVAILABLE) {
            self.suspect();
        }
        error
    }

    /// Looks whether the database is there, and goes on looking until it is; meanwhile calls fail without waiting.
    fn suspect(&self) {
        if self.0.probing.swap(true, Ordering::AcqRel) {
            return;
        }
        let inner = Arc::downgrade(&self.0);
        self.0.runtime.spawn(probe(inner));
    }
}

async fn probe(inner: Weak<Inner>) {
    while let Some(inner) = inner.upgrade() {
        let answer = connect(&inner.options).await;
        // A refusal is an answer too: the calls say better what it is.
        let reason = answer.as_ref().err().filter(|error| may_pass(error)).map(|error| match error {
            sqlx::Error::Io(error) => error.to_string(),
            error => error.to_string(),
        });
        let there = reason.is_none();
        match (&reason, inner.away.send_replace(reason.clone())) {
            (Some(reason), None) => tracing::error!(reason, database = inner.shown, "the database is away"),
            (None, Some(_)) => tracing::info!(database = inner.shown, "the database is back"),
            _ => {}
        }
        if there {
            if let Ok(connection) = answer {
                // It may have gone again.
                let _ = connection.close().await;
            }
            inner.probing.store(false, Ordering::Release);
            return;
        }
        drop(inner);
        sleep(PROBE).await;
    }
}

/// Whether the same may go well later: connections that end or are too many, a server that starts, stops or is a standby,
/// statements that were stopped, and transactions that met.
fn may_pass(error: &sqlx::Error) -> bool {
    const CODES: [&str; 8] = ["57P01", "57P02", "57P03", "57014", "25006", "40001", "40P01", "55P03"];
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            CODES.contains(&&*code) || code.starts_with("08") || (code.starts_with("53") && code != "53100")
        }),
        _ => false,
    }
}

/// What a call is told of an error.
pub(super) fn explain(what: &str, shown: &str, error: sqlx::Error) -> Error {
    if may_pass(&error) {
        return unavailable(what, format!("{shown}: {error}"));
    }
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default().into_owned();
    match code.as_str() {
        "53100" => full(what, error),
        "22021" => {
            Error::validation("a text has the character U+0000, which the database cannot keep").with_status(400)
        }
        "28000" | "28P01" | "3D000" | "42501" => {
            Error::new(ErrorKind::Configuration, format!("the database {shown} cannot be used: {error}"))
                .with_suggested_fix("check the user, the password and the database that `router.database` names")
                .with_source(error)
        }
        _ => failed(what, error),
    }
}
