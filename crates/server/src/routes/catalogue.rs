//! Toolkits and tools.

use axum::http::Method;
use composio_contract::{Backend as _, ToolkitsQuery, ToolsQuery};

use super::{Answer, Call, call, send};
use crate::access::Caller;
use crate::extract::{Place, Query};

pub(super) fn calls() -> Vec<Call> {
    vec![
        call(Method::GET, "/toolkits", toolkits),
        call(Method::GET, "/toolkits/{slug}", toolkit),
        call(Method::GET, "/tools", tools),
        call(Method::GET, "/tools/{tool_slug}", tool),
    ]
}

async fn toolkits(Caller(router): Caller, Query(query): Query<ToolkitsQuery>) -> Answer {
    send(router.list_toolkits(&query).await)
}

async fn toolkit(Caller(router): Caller, Place(slug): Place<String>) -> Answer {
    send(router.get_toolkit(&slug).await)
}

async fn tools(Caller(router): Caller, Query(query): Query<ToolsQuery>) -> Answer {
    send(router.list_tools(&query).await)
}

async fn tool(Caller(router): Caller, Place(slug): Place<String>) -> Answer {
    send(router.get_tool(&slug).await)
}
