//! Sessions and what is done in them.

use axum::http::Method;
use composio_contract::{
    AttachSession, Backend as _, CreateSession, ExecuteMetaRequest, ExecuteRequest, LinkRequest, PageQuery,
    ProxyExecuteRequest, Reply, Result, SearchRequest, Session, SessionToolkitsQuery, UpdateSession,
};

use composio_router::Router;

use super::base::Base;
use super::{Answer, Call, call, created, send};
use crate::access::Caller;
use crate::extract::{Json, Place, Query};

pub(super) fn calls() -> Vec<Call> {
    const SESSION: &str = "/tool_router/session/{session_id}";
    vec![
        call(Method::POST, "/tool_router/session", create),
        call(Method::GET, SESSION, read),
        call(Method::PATCH, SESSION, update),
        call(Method::DELETE, SESSION, delete),
        call(Method::POST, "/tool_router/session/{session_id}/attach", attach),
        call(Method::GET, "/tool_router/session/{session_id}/config_history", history),
        call(Method::GET, "/tool_router/session/{session_id}/tools", tools),
        call(Method::GET, "/tool_router/session/{session_id}/toolkits", toolkits),
        call(Method::POST, "/tool_router/session/{session_id}/search", search),
        call(Method::POST, "/tool_router/session/{session_id}/execute", execute),
        call(Method::POST, "/tool_router/session/{session_id}/execute_meta", execute_meta),
        call(Method::POST, "/tool_router/session/{session_id}/proxy_execute", proxy_execute),
        call(Method::POST, "/tool_router/session/{session_id}/link", link),
    ]
}

/// The session with the URL at which this server serves it over MCP, and a token that opens it there and nothing else.
async fn located(router: &Router, base: &Base, reply: Result<Reply<Session>>) -> Result<Reply<Session>> {
    let (_, mut session) = reply?.into_parts();
    session.mcp.url = base.mcp(&session.session_id);
    let token = router.reply_token(&session.session_id).await?.token;
    session.mcp.headers.insert("Authorization".to_owned(), format!("Bearer {token}"));
    Reply::encode(session)
}

async fn create(Caller(router): Caller, base: Base, Json(request): Json<CreateSession>) -> Answer {
    created(located(&router, &base, router.create_session(&request).await).await)
}

async fn read(Caller(router): Caller, base: Base, Place(id): Place<String>) -> Answer {
    send(located(&router, &base, router.get_session(&id).await).await)
}

async fn update(
    Caller(router): Caller,
    base: Base,
    Place(id): Place<String>,
    Json(request): Json<UpdateSession>,
) -> Answer {
    send(located(&router, &base, router.update_session(&id, &request).await).await)
}

async fn delete(Caller(router): Caller, Place(id): Place<String>) -> Answer {
    send(router.delete_session(&id).await)
}

async fn attach(
    Caller(router): Caller,
    base: Base,
    Place(id): Place<String>,
    Json(request): Json<AttachSession>,
) -> Answer {
    send(located(&router, &base, router.attach_session(&id, &request).await).await)
}

async fn history(Caller(router): Caller, Place(id): Place<String>, Query(query): Query<PageQuery>) -> Answer {
    send(router.config_history(&id, &query).await)
}

async fn tools(Caller(router): Caller, Place(id): Place<String>, Query(query): Query<PageQuery>) -> Answer {
    send(router.session_tools(&id, &query).await)
}

async fn toolkits(
    Caller(router): Caller,
    Place(id): Place<String>,
    Query(query): Query<SessionToolkitsQuery>,
) -> Answer {
    send(router.session_toolkits(&id, &query).await)
}

async fn search(Caller(router): Caller, Place(id): Place<String>, Json(request): Json<SearchRequest>) -> Answer {
    send(router.search(&id, &request).await)
}

async fn execute(Caller(router): Caller, Place(id): Place<String>, Json(request): Json<ExecuteRequest>) -> Answer {
    send(router.execute(&id, &request).await)
}

async fn execute_meta(
    Caller(router): Caller,
    Place(id): Place<String>,
    Json(request): Json<ExecuteMetaRequest>,
) -> Answer {
    send(router.execute_meta(&id, &request).await)
}

async fn proxy_execute(
    Caller(router): Caller,
    Place(id): Place<String>,
    Json(request): Json<ProxyExecuteRequest>,
) -> Answer {
    send(router.proxy_execute(&id, &request).await)
}

async fn link(Caller(router): Caller, Place(id): Place<String>, Json(request): Json<LinkRequest>) -> Answer {
    created(router.link(&id, &request).await)
}
