//! The endpoint over streamable HTTP.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use composio_router::Project;
use futures_util::StreamExt as _;
use rmcp::transport::streamable_http_server::session::SessionManager as _;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

use super::changes;
use super::handler::Handler;
use super::target::Target;
use crate::access;
use crate::app::App;
use crate::extract::{self, Place};
use crate::options::Options;
use crate::problem::Problem;

/// Names what a client of an older revision of the protocol has begun.
const CONVERSATION: &str = "mcp-session-id";
/// Stands before a key where it is bodies that are counted. No key's id has a space.
const READING: &str = "reading";
/// Names what a request of the stateless revision asks for; the MCP library refuses one that names it wrongly.
const METHOD: &str = "mcp-method";
/// Conversations that a project's clients may have at the same time.
const CONVERSATIONS: usize = 1_024;
/// A conversation ends when nothing was said in it for so long, which is longer than a user may take for an answer.
const IDLE: Duration = Duration::from_secs(20 * 60);

/// The session, its project and the toolkit, where it is for one, that a conversation belongs to.
type Owner = (Project, Arc<str>, Option<Arc<str>>);

/// What answers at every session's endpoint.
pub(crate) struct Endpoint {
    service: StreamableHttpService<Handler, LocalSessionManager>,
    conversations: Arc<LocalSessionManager>,
    /// Whose each conversation is. One that has ended may still be in it.
    owners: Mutex<HashMap<String, Owner>>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

impl Endpoint {
    pub(crate) fn new(options: &Options) -> Self {
        let mut conversations = LocalSessionManager::default();
        conversations.session_config.keep_alive = Some(IDLE);
        let conversations = Arc::new(conversations);
        // Host and origin are checked before, as for every route.
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .with_json_response(true)
            .with_max_request_body_bytes(options.body_limit);
        let service = StreamableHttpService::new(|| Ok(Handler::default()), Arc::clone(&conversations), config);
        Self { service, conversations, owners: Mutex::default() }
    }

    /// Ends what clients have begun, and calls still under way.
    pub(crate) fn end(&self) {
        self.service.config.cancellation_token.cancel();
    }

    /// Refuses a conversation that began at another session: whoever may not open that has no business with it.
    fn check(&self, headers: &HeaderMap, owner: &Owner) -> Result<(), Problem> {
        let Some(id) = headers.get(CONVERSATION) else { return Ok(()) };
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if id.to_str().ok().and_then(|id| owners.get(id)) == Some(owner) {
            return Ok(());
        }
        Err(Problem::new(StatusCode::NOT_FOUND, "NotFound", "the session has no such MCP session")
            .fix("begin anew with `initialize`"))
    }

    /// Notes whose a conversation is that has just begun.
    async fn claim(&self, headers: &HeaderMap, owner: Owner) -> Result<(), Problem> {
        let Some(id) = headers.get(CONVERSATION).and_then(|id| id.to_str().ok()) else { return Ok(()) };
        let is_one_too_many = {
            let alive = self.conversations.sessions.read().await;
            let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
            owners.retain(|id, _| alive.contains_key(id.as_str()));
            let many = owners.values().filter(|(project, ..)| *project == owner.0).count() >= CONVERSATIONS;
            if !many {
                owners.insert(id.to_owned(), owner);
            }
            many
        };
        if !is_one_too_many {
            return Ok(());
        }
        if let Err(error) = self.conversations.close_session(&id.into()).await {
            tracing::debug!(%error, "an MCP session could not be closed");
        }
        Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyMcpSessions",
            format!("the project's clients have {CONVERSATIONS} MCP sessions already"),
        )
        .fix("end those that are done with DELETE")
        .retry_after(60))
    }
}

/// Answers a request to a session's endpoint.
pub(crate) async fn answer(
    State(app): State<App>,
    Place(session_id): Place<String>,
    request: Request,
) -> Result<Response, Problem> {
    respond(app, session_id, None, request).await
}

/// Answers a request to the endpoint of one toolkit of a session.
pub(crate) async fn answer_for_toolkit(
    State(app): State<App>,
    Place((session_id, toolkit)): Place<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    respond(app, session_id, Some(toolkit.to_ascii_lowercase().into()), request).await
}

async fn respond(
    app: App,
    session_id: String,
    toolkit: Option<Arc<str>>,
    mut request: Request,
) -> Result<Response, Problem> {
    let identity = Arc::new(access::identify_for_session(&app, request.headers(), &session_id).await?);
    access::admit(&app, &identity, request.extensions())?;
    let router = identity.router().clone();
    if router.store().revision(router.project(), &session_id).await?.is_none() {
        return Err(Problem::new(StatusCode::NOT_FOUND, "NotFound", format!("there is no session `{session_id}`")));
    }
    if let Some(toolkit) = &toolkit {
        // Says where the session has no such toolkit.
        router.upstream(&session_id, toolkit).await?;
    }
    let session_id: Arc<str> = session_id.into();
    let owner = (router.project().clone(), Arc::clone(&session_id), toolkit.clone());
    app.mcp().check(request.headers(), &owner)?;
    if request.method() == Method::POST {
        // Only so many at once are read into memory; the calls themselves are counted when they are made.
        let _slot = app.slot(&format!("{READING} {}", identity.key))?;
        let body = std::mem::take(request.body_mut());
        let whole = extract::read_body(request.headers(), body, "an MCP message", app.options().body_limit).await?;
        *request.body_mut() = Body::from(whole);
    }
    let begins = !request.headers().contains_key(CONVERSATION);
    let method = request.method().clone();
    if request.headers().get(METHOD).is_some_and(|method| method == changes::LISTEN) {
        let seen = router.listing_state(&session_id).await?;
        request.extensions_mut().insert(seen);
    }
    let caller = Some((app.clone(), Arc::clone(&identity)));
    // They have done their work, and the MCP library logs requests with their headers.
    access::forget_credentials(request.headers_mut());
    request.extensions_mut().insert(Target { router, session_id, toolkit, caller });
    let response = app.mcp().service.handle(request).await;
    if begins {
        app.mcp().claim(response.headers(), owner).await?;
    }
    let mut response = if method == Method::GET {
        // A stream on which nothing is under way does not hold up the end of the server.
        let end = app.clone();
        response.map(|body| {
            Body::from_stream(Body::new(body).into_data_stream().take_until(async move { end.stopped().await }))
        })
    } else {
        response.map(Body::new)
    };
    // Some clients take only this for a success.
    if method == Method::DELETE && response.status() == StatusCode::ACCEPTED {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    // For the log.
    response.extensions_mut().insert(identity);
    Ok(response)
}
