//! Sessions: made, changed, listed, deleted.

use std::sync::Arc;

use composio_contract::{
    AttachSession, Backend as _, CreateSession, ErrorKind, PageQuery, SessionToolkitsQuery, ToolkitsQuery, ToolsQuery,
    UpdateSession,
};
use composio_router::Router;
use composio_router::source::ToolkitInfo;
use serde_json::{Value, json};

use crate::common::{Broken, Fixture, create, redacted};
use crate::database;

fn update(settings: Value) -> UpdateSession {
    serde_json::from_value(settings).unwrap()
}

async fn listed(fixture: &Fixture, session: &str) -> Vec<String> {
    let page = fixture.router.session_tools(session, &PageQuery::default()).await.unwrap();
    page.items.iter().map(|tool| tool.slug.clone()).collect()
}

#[tokio::test]
async fn a_new_session_says_what_it_is() {
    let fixture = Fixture::new();
    let settings = json!({
        "toolkits": ["shelf"],
        "tags": {"disable": ["destructiveHint"]},
        "manage_connections": {"enable": true},
        "experimental": {
            "custom_toolkits": [{"slug": "crm", "name": "CRM", "description": "Leads.", "tools": [
                {"slug": "find", "name": "Find", "description": "Finds.", "input_schema": {"type": "object"}},
            ]}],
        },
    });
    let created = fixture.router.create_session(&create(settings)).await.unwrap();
    insta::assert_json_snapshot!(redacted(created.raw()));
    let read = fixture.router.get_session(&created.session_id).await.unwrap();
    assert_eq!(read.raw().as_str(), created.raw().as_str());
}

#[tokio::test]
async fn what_cannot_be_a_session_is_told() {
    let fixture = Fixture::new();
    let nobody = CreateSession { user_id: " ".to_owned(), ..CreateSession::default() };
    let error = fixture.router.create_session(&nobody).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    for (settings, message) in [
        (json!({"toolkits": ["shelv"]}), "the embedded router has no toolkit `shelv` (did you mean shelf?)"),
        (
            json!({"tools": {"gmail": []}}),
            "no toolkit `gmail` (configured are: shelf; an MCP server is added in composio.toml)",
        ),
    ] {
        let error = fixture.try_session(settings).await.unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_keeps_the_history() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({"toolkits": ["shelf"], "search": false})).await;
    let changed = fixture
        .router
        .update_session(&session, &update(json!({"search": null, "tags": ["readOnlyHint"]})))
        .await
        .unwrap();
    assert_eq!(changed.config_version, 2);
    let config: Value = changed.config.decode("config").unwrap();
    assert_eq!(config["search"], json!({"enable": true}));
    assert_eq!(config["toolkits"], json!({"enabled": ["shelf"]}));
    assert!(fixture.execute(&session, "SHELF_BURN", json!({})).await.is_err());

    let stale = update(json!({"tags": null, "expected_config_version": 1}));
    let error = fixture.router.update_session(&session, &stale).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::SessionConfigConflict, Some(409)));
    let invalid = fixture.router.update_session(&session, &update(json!({"preload": {"tools": "some"}}))).await;
    assert_eq!(invalid.unwrap_err().kind(), ErrorKind::Validation);

    let first = PageQuery { limit: Some(1), cursor: None };
    let page = fixture.router.config_history(&session, &first).await.unwrap();
    assert_eq!((page.items[0].version, page.items[0].is_current, page.total_items), (2, true, 2));
    let next = PageQuery { limit: Some(1), cursor: page.next_cursor.clone() };
    let page = fixture.router.config_history(&session, &next).await.unwrap();
    assert_eq!((page.items[0].version, page.items[0].is_current), (1, false));
    assert_eq!(page.next_cursor, None);
}

#[tokio::test]
async fn attaching_replaces_the_custom_tools() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    let attach = |slug: &str| {
        AttachSession {
        experimental: Some(
            json!({"custom_tools": [
                {"slug": slug, "name": "n", "description": "d", "input_schema": {"type": "object"}, "extends_toolkit": "shelf"},
            ]})
            .into(),
        ),
    }
    };
    for slug in ["sort", "count"] {
        let reply = fixture.router.attach_session(&session, &attach(slug)).await.unwrap();
        let tools = reply.experimental.clone().unwrap().custom_tools.unwrap();
        assert_eq!(tools.len(), 1);
        assert_eq!(tools[0].slug, format!("LOCAL_SHELF_{}", slug.to_uppercase()));
        assert_eq!(tools[0].original_slug.as_deref(), Some(slug));
    }
    let unknown = fixture.router.attach_session("trs_none", &attach("sort")).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_deleted_session_is_gone() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    assert!(fixture.router.delete_session(&session).await.unwrap().deleted);
    assert_eq!(fixture.router.get_session(&session).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fixture.router.delete_session(&session).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn tools_are_the_meta_tools_and_those_preloaded() {
    let fixture = Fixture::with(json!({}), vec![Broken::new()]);
    let meta = ["COMPOSIO_SEARCH_TOOLS", "COMPOSIO_GET_TOOL_SCHEMAS", "COMPOSIO_MULTI_EXECUTE_TOOL"];
    let session = fixture.session(json!({})).await;
    assert_eq!(listed(&fixture, &session).await, meta);

    let some = json!({
        "preload": {"tools": ["shelf_burn", "SHELF_READ_NOTE", "SHELF_NONE", "BROKEN_X"]},
        "tags": {"disable": ["destructiveHint"]},
        "execute": {"enable_multi_execute": false},
    });
    let session = fixture.session(some).await;
    assert_eq!(listed(&fixture, &session).await, [meta[0], meta[1], "SHELF_READ_NOTE"]);

    let all = json!({"preload": {"tools": "all"}, "tags": ["readOnlyHint", "createHint"], "search": false, "execute": {"enable_multi_execute": false}});
    let session = fixture.session(all).await;
    assert_eq!(listed(&fixture, &session).await, ["SHELF_READ_NOTE", "SHELF_WRITE_NOTE"]);
    let page = fixture.router.session_tools(&session, &PageQuery { limit: Some(1), cursor: None }).await.unwrap();
    insta::assert_json_snapshot!(redacted(page.raw()));
}

#[tokio::test]
async fn toolkits_are_filtered_by_session_and_query() {
    let fixture = Fixture::with(json!({}), vec![Broken::new()]);
    let session = fixture.session(json!({})).await;
    let slugs = async |session: &str, query: SessionToolkitsQuery| {
        let page = fixture.router.session_toolkits(session, &query).await.unwrap();
        page.items.iter().map(|toolkit| toolkit.slug.clone()).collect::<Vec<_>>()
    };
    let all = SessionToolkitsQuery::default();
    assert_eq!(slugs(&session, all.clone()).await, ["broken", "shelf"]);
    let named = SessionToolkitsQuery { toolkits: Some("Shelf, none".to_owned()), ..all.clone() };
    assert_eq!(slugs(&session, named).await, ["shelf"]);
    let words = SessionToolkitsQuery { search: Some("SHE".to_owned()), ..all.clone() };
    assert_eq!(slugs(&session, words).await, ["shelf"]);
    let connected = SessionToolkitsQuery { is_connected: Some(true), ..all.clone() };
    assert!(slugs(&session, connected).await.is_empty());
    let session = fixture.session(json!({"toolkits": {"disable": ["broken"]}})).await;
    assert_eq!(slugs(&session, all).await, ["shelf"]);
}

#[tokio::test]
async fn the_catalogue_is_listed_and_searched() {
    let fixture = Fixture::with(json!({}), vec![Broken::new()]);
    let toolkits = fixture.router.list_toolkits(&ToolkitsQuery::default()).await.unwrap();
    assert_eq!(toolkits.items.iter().map(|toolkit| toolkit.slug.as_str()).collect::<Vec<_>>(), ["broken", "shelf"]);
    assert!(fixture.router.get_toolkit("SHELF").await.unwrap().no_auth);
    assert_eq!(fixture.router.get_toolkit("shelves").await.unwrap_err().kind(), ErrorKind::NotFound);

    let query = ToolsQuery { query: Some("read a note".to_owned()), ..ToolsQuery::default() };
    assert_eq!(fixture.router.list_tools(&query).await.unwrap().items[0].slug, "SHELF_READ_NOTE");
    let query = ToolsQuery { tool_slugs: Some("SHELF_BURN,shelf_wait".to_owned()), ..ToolsQuery::default() };
    let tools = fixture.router.list_tools(&query).await.unwrap();
    assert_eq!(tools.items.iter().map(|tool| tool.slug.as_str()).collect::<Vec<_>>(), ["SHELF_BURN", "SHELF_WAIT"]);
    assert_eq!(fixture.router.get_tool("shelf_burn").await.unwrap().name, "Burn the shelf");
}

#[tokio::test]
async fn two_toolkits_may_not_share_a_slug() {
    let folder = tempfile::tempdir().unwrap();
    let config = database::config(folder.path());
    let error = Router::builder().config(config).source(Broken::new()).source(Broken::new()).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(error.to_string(), "two toolkits have the slug `broken`; give one of them another");
}

#[tokio::test]
async fn a_toolkit_may_not_pass_for_the_routers_own() {
    for slug in ["composio", "local", "composio_x"] {
        let folder = tempfile::tempdir().unwrap();
        let config = database::config(folder.path());
        let info = ToolkitInfo { slug: slug.to_owned(), name: String::new(), description: String::new() };
        let error = Router::builder().config(config).source(Arc::new(Broken(info))).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    }
}
