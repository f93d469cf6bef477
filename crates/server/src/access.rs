//! Who calls: the key, and with it the project.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use composio_router::Router;

use crate::app::App;
use crate::connections::{Busy, Peer, network};
use crate::keys;
use crate::problem::Problem;
use crate::routes::base::Base;

const HEADER: &str = "x-api-key";
const FORWARDED_FOR: &str = "x-forwarded-for";
/// Stands for the key's id, before the project's name, where a session's token came in its place. No id has a colon.
const TOKENS: &str = "session-token:";
/// Stands for the key's id where there are no keys.
const LOCAL: &str = "local";

/// Who calls.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The router in the caller's project.
    router: Router,
    /// The id of the key, which is no secret.
    pub(crate) key: String,
}

impl Identity {
    pub(crate) fn project(&self) -> &str {
        self.router.project().as_str()
    }

    pub(crate) fn router(&self) -> &Router {
        &self.router
    }
}

/// The router in the caller's project.
#[derive(Debug)]
pub(crate) struct Caller(pub(crate) Router);

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // Users are sent back to where the caller found the server.
        let base = Base::from_request_parts(parts, app).await?;
        let identity = parts.extensions.get::<Arc<Identity>>();
        let router = identity.map(|identity| identity.router.reached_at(base.as_str()));
        router.map(Self).ok_or_else(|| Problem::internal("a call has no caller"))
    }
}

/// Lets a request in if its key does, and if the key's other calls leave room.
pub(crate) async fn check(State(app): State<App>, mut request: Request, next: Next) -> Result<Response, Problem> {
    let identity = Arc::new(identify(&app, request.headers()).await?);
    admit(&app, &identity, request.extensions())?;
    let _slot = app.slot(&identity.key)?;
    request.extensions_mut().insert(Arc::clone(&identity));
    let mut response = next.run(request).await;
    // For the log.
    response.extensions_mut().insert(identity);
    Ok(response)
}

/// Lets a caller in who is known by now, unless the key or the project has sent too many requests.
pub(crate) fn admit(app: &App, identity: &Identity, request: &Extensions) -> Result<(), Problem> {
    if let Some(peer) = request.get::<Arc<Peer>>() {
        app.connections().knows(peer, identity.project());
    }
    Ok(app.router().quotas().admit(&identity.key, identity.router.project())?)
}

/// The client's address, as far as its share of what is for everyone goes.
pub(crate) fn client(request: &Parts) -> Option<IpAddr> {
    let peer = request.extensions.get::<Arc<Peer>>()?;
    if !peer.is_shared() {
        return peer.address();
    }
    // The proxy adds the address it sees at the end; what stands before it is the client's own text.
    let text = request.headers.get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?;
    text.rsplit(',').next()?.trim().parse().ok().map(network)
}

/// Keeps a client's connection open while it is served at a signed URL.
pub(crate) fn busy(request: &Parts) -> Option<Busy> {
    request.extensions.get::<Arc<Peer>>().map(Peer::busy)
}

/// Who calls a session's MCP endpoint, with a key or with a token for that session alone.
pub(crate) async fn identify_for_session(
    app: &App,
    headers: &HeaderMap,
    session_id: &str,
) -> Result<Identity, Problem> {
    if let Some(tokens) = app.tokens() {
        let project = bearer(headers).and_then(|token| tokens.project(session_id, token));
        let project = project.ok_or_else(|| {
            Problem::new(StatusCode::UNAUTHORIZED, "InvalidSessionToken", "the token is not the one for this session")
                .fix("send the headers of `session.mcp`")
        })?;
        let key = format!("{TOKENS}{project}");
        return Ok(Identity { router: app.router().in_project(project)?, key });
    }
    let Some(token) = bearer(headers) else { return identify(app, headers).await };
    match app.router().session_of_token(token).await? {
        Some((project, session)) if session == session_id => {
            // Tokens are many; those of a project count together.
            let key = format!("{TOKENS}{project}");
            Ok(Identity { router: app.router().in_project(project)?, key })
        }
        // A key may come as well, as from a program that sends both to every server.
        _ if headers.contains_key(HEADER) || app.is_open().await? => identify(app, headers).await,
        _ => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "InvalidSessionToken",
            "the token is not one for this session, or it has lapsed",
        )
        .fix("make one with `composio sessions token`, or send a key in the header `x-api-key`")),
    }
}

/// Takes out what lets a request in.
pub(crate) fn forget_credentials(headers: &mut HeaderMap) {
    headers.remove(HEADER);
    headers.remove(header::AUTHORIZATION);
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn identify(app: &App, headers: &HeaderMap) -> Result<Identity, Problem> {
    // Without keys, whatever a client sends as one is as good as none: some cannot be made without.
    if app.is_open().await? {
        return Ok(Identity { router: app.router().clone(), key: LOCAL.to_owned() });
    }
    let refuse = |message: &str| {
        Problem::new(StatusCode::UNAUTHORIZED, "InvalidApiKey", message)
            .fix("send a key made with `composio keys create` in the header `x-api-key`")
    };
    let mut given = headers.get_all(HEADER).iter();
    let text = match (given.next(), given.next()) {
        (Some(text), None) => text.to_str().unwrap_or_default(),
        (None, _) => return Err(refuse("the request has no key")),
        (Some(_), Some(_)) => return Err(refuse("the request has more than one key")),
    };
    let row =
        keys::find(app.router().store(), text).await?.ok_or_else(|| refuse("the key is not one of this server"))?;
    Ok(Identity { router: app.router().in_project(row.project)?, key: row.id })
}
