//! A router's sessions over MCP for programs on this machine that the program with the router hands their headers to.

use std::collections::HashMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use composio_contract::{Error, ErrorKind, McpServer, Result};
use composio_router::{Project, Router, SessionServer};
use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::app::App;
use crate::listen;
use crate::mcp;
use crate::options::Options;

/// How long calls under way may take when the router is closed.
const GRACE: Duration = Duration::from_secs(2);

/// Serves sessions on one free port of the loopback address, from the first one that is asked for until the router is
/// closed. Each has a token of its own, which is kept in memory alone and opens nothing else; there is no way in without
/// one, and there are no other paths.
#[derive(Debug)]
pub struct Loopback {
    runtime: Handle,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Idle,
    Serving(Serving),
    Closed,
}

#[derive(Debug)]
struct Serving {
    address: SocketAddr,
    tokens: Arc<Tokens>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<()>>,
}

impl Loopback {
    /// Nothing is started yet; connections will live on `runtime`.
    #[must_use]
    pub fn new(runtime: Handle) -> Self {
        Self { runtime, state: Mutex::new(State::Idle) }
    }

    fn start(&self, router: &Router) -> Result<Serving> {
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Connection, format!("there is no port to serve sessions over MCP at: {error}"))
                .with_source(error)
        };
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let _context = self.runtime.enter();
        let listener = TcpListener::from_std(listener).map_err(failed)?;
        let tokens = Arc::new(Tokens::default());
        let options = Options { grace: GRACE, ..Options::new(address) };
        let app = App::for_sessions(router.clone(), options, Arc::clone(&tokens));
        let (stop, stopped) = oneshot::channel::<()>();
        let task = self.runtime.spawn(listen::serve(listener, app, async {
            // Ends too where this is dropped.
            let _ = stopped.await;
        }));
        Ok(Serving { address, tokens, stop, task })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SessionServer for Loopback {
    fn serve(&self, router: &Router, session_id: &str) -> Result<McpServer> {
        let mut state = self.lock();
        if let State::Idle = *state {
            *state = State::Serving(self.start(router)?);
        }
        let State::Serving(serving) = &*state else {
            return Err(Error::new(ErrorKind::Closed, "the router was closed; make a new one"));
        };
        let token = serving.tokens.of(router.project(), session_id)?;
        Ok(McpServer {
            kind: "http".to_owned(),
            url: format!("http://{}{}", serving.address, mcp::path(session_id)),
            headers: [("Authorization".to_owned(), format!("Bearer {token}"))].into(),
        })
    }

    async fn close(&self) {
        let state = std::mem::replace(&mut *self.lock(), State::Closed);
        let State::Serving(Serving { stop, task, .. }) = state else { return };
        let _ = stop.send(());
        match task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "serving sessions over MCP did not end well"),
            Err(error) => tracing::warn!(%error, "serving sessions over MCP did not end well"),
        }
    }
}

/// The tokens of the sessions that are served, by the sessions' ids.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<String, (Project, String)>>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// The session's token, made where it has none yet.
    fn of(&self, project: &Project, session_id: &str) -> Result<String> {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, token)) = tokens.get(session_id) {
            return Ok(token.clone());
        }
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)
            .map_err(|error| Error::new(ErrorKind::Internal, format!("cannot make a token: {error}")))?;
        let token = format!("sl_{}", BASE64URL_NOPAD.encode(&secret));
        tokens.insert(session_id.to_owned(), (project.clone(), token.clone()));
        Ok(token)
    }

    /// The project of a session, for whoever has its token.
    pub(crate) fn project(&self, session_id: &str, given: &str) -> Option<Project> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (project, token) = tokens.get(session_id)?;
        bool::from(token.as_bytes().ct_eq(given.as_bytes())).then(|| project.clone())
    }
}
