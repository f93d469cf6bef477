//! Connected accounts and auth configs, and the pages on which users connect them.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use composio_contract::{
    AccountLinkRequest, AuthConfigsQuery, Backend as _, CompleteAuth, ConnectedAccountsQuery, CreateAccount,
    DeleteAccount, RefreshAccount, SwitchAccount, UpdateAccount,
};

use super::{Answer, Call, call, created, send};
use crate::access::{self, Caller};
use crate::app::App;
use crate::extract::{self, Json, Place, Query};
use crate::problem::Problem;

/// Bytes of what a user types.
const FORM: usize = 64 << 10;

pub(super) fn calls() -> Vec<Call> {
    vec![
        call(Method::GET, "/connected_accounts", list),
        call(Method::POST, "/connected_accounts", create),
        call(Method::POST, "/connected_accounts/link", link),
        call(Method::GET, "/connected_accounts/{nanoid}", read),
        call(Method::PATCH, "/connected_accounts/{nanoid}", update),
        call(Method::DELETE, "/connected_accounts/{nanoid}", delete),
        call(Method::PATCH, "/connected_accounts/{nanoId}/status", switch),
        call(Method::POST, "/connected_accounts/{nanoid}/refresh", refresh),
        call(Method::POST, "/connected_accounts/{nanoid}/revoke", revoke),
        call(Method::POST, "/connected_accounts/complete_auth", complete),
        call(Method::GET, "/auth_configs", auth_configs),
        call(Method::GET, "/auth_configs/{nanoid}", auth_config),
    ]
}

async fn list(Caller(router): Caller, Query(query): Query<ConnectedAccountsQuery>) -> Answer {
    send(router.list_connected_accounts(&query).await)
}

async fn create(Caller(router): Caller, Json(body): Json<CreateAccount>) -> Answer {
    created(router.create_connected_account(&body).await)
}

async fn link(Caller(router): Caller, Json(body): Json<AccountLinkRequest>) -> Answer {
    created(router.link_connected_account(&body).await)
}

async fn complete(Caller(router): Caller, Json(body): Json<CompleteAuth>) -> Answer {
    send(router.complete_auth(&body).await)
}

async fn read(Caller(router): Caller, Place(id): Place<String>) -> Answer {
    send(router.get_connected_account(&id).await)
}

async fn update(Caller(router): Caller, Place(id): Place<String>, Json(body): Json<UpdateAccount>) -> Answer {
    send(router.update_connected_account(&id, &body).await)
}

async fn delete(Caller(router): Caller, Place(id): Place<String>, Query(query): Query<DeleteAccount>) -> Answer {
    send(router.delete_connected_account(&id, query).await)
}

async fn switch(Caller(router): Caller, Place(id): Place<String>, Json(body): Json<SwitchAccount>) -> Answer {
    send(router.switch_connected_account(&id, body).await)
}

async fn refresh(
    Caller(router): Caller,
    Place(id): Place<String>,
    Query(query): Query<RefreshAccount>,
    body: Option<Json<RefreshAccount>>,
) -> Answer {
    let request = body.map(|Json(body)| body).filter(|body| body.redirect_url.is_some()).unwrap_or(query);
    send(router.refresh_connected_account(&id, &request).await)
}

async fn revoke(Caller(router): Caller, Place(id): Place<String>) -> Answer {
    send(router.revoke_connected_account(&id).await)
}

async fn auth_configs(Caller(router): Caller, Query(query): Query<AuthConfigsQuery>) -> Answer {
    send(router.list_auth_configs(&query).await)
}

async fn auth_config(Caller(router): Caller, Place(id): Place<String>) -> Answer {
    send(router.get_auth_config(&id).await)
}

/// The pages. What is in their URL is the key.
pub(super) async fn page(State(app): State<App>, Place(rest): Place<String>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let is_post = parts.method == Method::POST;
    // What only looks ahead must finish nothing.
    if parts.method == Method::HEAD && rest == "callback" {
        return Ok(StatusCode::METHOD_NOT_ALLOWED.into_response());
    }
    let headers = parts.headers.clone();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let client = access::client(&parts);
    // A form that does not come takes no place from those that do.
    let form = extract::read(Request::from_parts(parts, body), "a form", FORM);
    let body = tokio::time::timeout(app.options().form_timeout, form).await.map_err(|_| {
        let message = "the form did not arrive in time";
        Problem::new(StatusCode::REQUEST_TIMEOUT, "BodyTimeout", message).fix("send it again")
    })??;
    let _share = app.page_share(client)?;
    let reply = app.router().connect(is_post, &rest, &query, &headers, &body).await;
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response: Response = (status, reply.body.clone()).into_response();
    for (name, text) in reply.headers() {
        if let Ok(text) = HeaderValue::from_str(text) {
            response.headers_mut().insert(HeaderName::from_static(name), text);
        }
    }
    Ok(response)
}
