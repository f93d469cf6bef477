//! The toolkits of a session and whether they are connected.

use composio_contract::{Error, Page, RawJson, Reply, Result, SessionToolkit, SessionToolkitsQuery};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    toolkits: Option<Vec<String>>,
    #[serde(default)]
    next_cursor: Option<String>,
    #[serde(default)]
    limit: Option<u32>,
    #[serde(default)]
    is_connected: Option<bool>,
    #[serde(default)]
    search: Option<String>,
}

pub(crate) fn read(options: &RawJson) -> Result<SessionToolkitsQuery> {
    let options: Options = options.decode("toolkits")?;
    if options.limit.is_some_and(|limit| !(1..=50).contains(&limit)) {
        return Err(Error::validation("limit: must be 1 to 50"));
    }
    let toolkits = options.toolkits.filter(|toolkits| !toolkits.is_empty());
    Ok(SessionToolkitsQuery {
        toolkits: toolkits.map(|toolkits| toolkits.join(",")),
        limit: options.limit,
        cursor: options.next_cursor,
        is_connected: options.is_connected,
        search: options.search,
    })
}

pub(crate) fn connections(reply: &Reply<Page<SessionToolkit>>) -> Result<RawJson> {
    let items: Vec<Value> = reply.items.iter().map(item).collect();
    RawJson::encode(&json!({
        "items": items,
        "total_pages": reply.total_pages,
        "next_cursor": reply.next_cursor,
    }))
}

fn item(toolkit: &SessionToolkit) -> Value {
    let connection = (!toolkit.is_no_auth).then(|| {
        let account = toolkit.connected_account.as_ref();
        json!({
            "is_active": account.is_some_and(|account| account.status == "ACTIVE"),
            "auth_config": account.and_then(|account| account.auth_config.as_ref()).map(|config| json!({
                "id": config.id,
                "mode": config.auth_scheme,
                "is_composio_managed": config.is_composio_managed,
            })),
            "connected_account": account.map(|account| json!({ "id": account.id, "status": account.status })),
        })
    });
    let logo = Some(&toolkit.meta.logo).filter(|logo| !logo.is_empty());
    json!({
        "slug": toolkit.slug,
        "name": toolkit.name,
        "logo": logo,
        "is_no_auth": toolkit.is_no_auth,
        "connection": connection,
    })
}
