//! Connected accounts and auth configs, and the pages on which users connect them.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use composio_contract::{Backend as _, ConnectedAccountsQuery, PageQuery, RawJson, Reply};
use composio_router::accounts::AccountChange;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Call, call, send};
use crate::access::Caller;
use crate::app::App;
use crate::extract::{self, Json, Place, Query};
use crate::problem::Problem;

/// Stands for a key's id where users' browsers are counted.
const BROWSERS: &str = "connect";
/// Bytes of what a user types.
const FORM: usize = 64 << 10;

pub(super) fn calls() -> Vec<Call> {
    vec![
        call(Method::GET, "/connected_accounts", list),
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

fn value(value: Value) -> Answer {
    send(Ok(Reply::<Value>::encode(value)?))
}

async fn list(Caller(router): Caller, Query(query): Query<ConnectedAccountsQuery>) -> Answer {
    send(router.list_connected_accounts(&query).await)
}

async fn read(Caller(router): Caller, Place(id): Place<String>) -> Answer {
    send(router.get_connected_account(&id).await)
}

#[derive(Debug, Deserialize)]
struct Update {
    #[serde(default, deserialize_with = "given")]
    alias: Option<Option<String>>,
    #[serde(default)]
    connection: Option<RawJson>,
}

/// Tells null, which takes the alias away, from nothing.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

async fn update(Caller(router): Caller, Place(id): Place<String>, Json(body): Json<Update>) -> Answer {
    if body.connection.is_some() {
        return Err(Problem::bad_request("`connection` cannot be set: a credential comes from its user, by a link"));
    }
    let change = AccountChange { alias: body.alias.map(Option::unwrap_or_default), enabled: None };
    let account = router.change_connected_account(&id, &change).await?;
    value(json!({"success": true, "id": account.id, "status": account.status}))
}

#[derive(Debug, Default, Deserialize)]
struct Deletion {
    #[serde(default)]
    revoke_on_delete: Option<String>,
}

async fn delete(Caller(router): Caller, Place(id): Place<String>, Query(query): Query<Deletion>) -> Answer {
    let revoke = match query.revoke_on_delete.as_deref() {
        None | Some("" | "false" | "0") => false,
        Some("true" | "1") => true,
        Some(other) => {
            let message = format!("`revoke_on_delete` is {other:?}; it must be true or false");
            return Err(Problem::bad_request(message));
        }
    };
    router.delete_connected_account(&id, revoke).await?;
    value(json!({"success": true}))
}

#[derive(Debug, Deserialize)]
struct Switch {
    enabled: bool,
}

async fn switch(Caller(router): Caller, Place(id): Place<String>, Json(body): Json<Switch>) -> Answer {
    let change = AccountChange { alias: None, enabled: Some(body.enabled) };
    router.change_connected_account(&id, &change).await?;
    value(json!({"success": true}))
}

async fn refresh(Caller(router): Caller, Place(id): Place<String>) -> Answer {
    let account = router.refresh_connected_account(&id).await?;
    value(json!({"id": account.id, "status": account.status, "redirect_url": null}))
}

async fn revoke(Caller(router): Caller, Place(id): Place<String>) -> Answer {
    let (account, revoked) = router.revoke_connected_account(&id).await?;
    value(json!({
        "connected_account": {"id": account.id, "status": account.status},
        "revoked_tokens": revoked,
    }))
}

#[derive(Debug, Deserialize)]
struct Completion {
    session_uri: String,
    user_id: String,
}

/// An app that receives the provider's callback itself hands its URL over.
async fn complete(Caller(router): Caller, Json(body): Json<Completion>) -> Answer {
    let connected = router.complete_connection(&body.user_id, &body.session_uri).await?;
    value(json!({"connected_account_id": connected.account_id, "toolkit_slug": connected.toolkit}))
}

#[derive(Debug, Default, Deserialize)]
struct Configs {
    #[serde(flatten)]
    page: PageQuery,
    #[serde(default)]
    toolkit_slug: Option<String>,
}

async fn auth_configs(Caller(router): Caller, Query(query): Query<Configs>) -> Answer {
    send(Ok(Reply::encode(router.auth_configs(&query.page, query.toolkit_slug.as_deref()).await?)?))
}

async fn auth_config(Caller(router): Caller, Place(id): Place<String>) -> Answer {
    value(router.auth_config(&id).await?)
}

/// The pages. What is in their URL is the key.
pub(super) async fn page(State(app): State<App>, Place(rest): Place<String>, request: Request) -> Answer {
    let _slot = app.slots().take(BROWSERS)?;
    let is_post = request.method() == Method::POST;
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = extract::read(request, "a form", FORM).await?;
    let reply = app.router().connect(is_post, &rest, &query, &body).await;
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response: Response = (status, reply.html.clone()).into_response();
    for (name, text) in reply.headers() {
        if let Ok(text) = HeaderValue::from_str(text) {
            response.headers_mut().insert(HeaderName::from_static(name), text);
        }
    }
    Ok(response)
}
