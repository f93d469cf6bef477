//! Toolkits, tools, connected accounts and auth configs.

use axum::http::{Method, StatusCode};
use composio_contract::{Backend as _, ConnectedAccountsQuery, Page, PageQuery, Reply, ToolkitsQuery, ToolsQuery};
use serde_json::Value;

use super::{Answer, Call, call, send};
use crate::access::Caller;
use crate::extract::{Place, Query};
use crate::problem::Problem;

pub(super) fn calls() -> Vec<Call> {
    vec![
        call(Method::GET, "/toolkits", toolkits),
        call(Method::GET, "/toolkits/{slug}", toolkit),
        call(Method::GET, "/tools", tools),
        call(Method::GET, "/tools/{tool_slug}", tool),
        call(Method::GET, "/connected_accounts", accounts),
        call(Method::GET, "/connected_accounts/{nanoid}", account),
        call(Method::GET, "/auth_configs", auth_configs),
        call(Method::GET, "/auth_configs/{nanoid}", auth_config),
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

async fn accounts(Caller(router): Caller, Query(query): Query<ConnectedAccountsQuery>) -> Answer {
    send(router.list_connected_accounts(&query).await)
}

async fn account(Caller(router): Caller, Place(id): Place<String>) -> Answer {
    send(router.get_connected_account(&id).await)
}

/// The router's toolkits need no auth config, so there is none.
async fn auth_configs(_: Caller, _: Query<PageQuery>) -> Answer {
    let none: Page<Value> =
        Page { items: Vec::new(), next_cursor: None, total_pages: 0, current_page: 1, total_items: 0 };
    send(Reply::encode(none))
}

async fn auth_config(_: Caller, Place(id): Place<String>) -> Answer {
    Err(Problem::new(StatusCode::NOT_FOUND, "NotFound", format!("there is no auth config `{id}`"))
        .fix("the toolkits of this server need none"))
}
