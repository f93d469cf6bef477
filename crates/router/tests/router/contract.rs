//! Every reply fits the published contract.

use std::path::Path;

use composio_contract::{
    AttachSession, Backend as _, ConnectedAccountsQuery, FileListQuery, MountPath, PageQuery, RawJson, SearchQuery,
    SearchRequest, SessionToolkitsQuery, ToolkitsQuery, ToolsQuery, UpdateSession, UploadRequest,
};
use serde_json::{Value, json};

use crate::common::{Fixture, create};

struct Contract(Value);

impl Contract {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/contract/openapi-v3.1.json");
        Self(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    }

    /// Checks a reply against the schema of the operation's success.
    fn check(&self, method: &str, path: &str, reply: &RawJson) {
        let responses = &self.0["paths"][format!("/api/v3.1{path}")][method]["responses"];
        let response = ["2XX", "200", "201"].iter().find_map(|status| responses.get(status));
        let schema = &response.unwrap_or_else(|| panic!("{method} {path} is not in the contract"))["content"]["application/json"]
            ["schema"];
        let mut schema = schema.clone();
        schema["components"] = self.0["components"].clone();
        let validator = jsonschema::options().offline().build(&schema).unwrap();
        let reply: Value = reply.decode("a reply").unwrap();
        let problems: Vec<String> =
            validator.iter_errors(&reply).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(problems.is_empty(), "{method} {path}: {problems:#?}\n{reply:#}");
    }
}

#[tokio::test]
async fn replies_fit_the_contract() {
    let contract = Contract::read();
    let fixture = Fixture::new();
    let router = &fixture.router;
    let custom = json!({"custom_tools": [
        {"slug": "add", "name": "Add", "description": "Adds.", "input_schema": {"type": "object"}, "preload": true},
    ]});
    let settings = json!({
        "toolkits": {"enable": ["shelf"], "require_approval": []},
        "tools": {"shelf": {"disable": ["SHELF_WAIT"]}},
        "tags": {"require_approval": ["createHint"]},
        "manage_connections": {"enable": true},
        "workbench": {"enable": false},
        "multi_account": {"enable": false},
        "proxy_execute": {"enable": false},
        "preload": {"tools": "all"},
        "experimental": custom,
    });
    const SESSION: &str = "/tool_router/session/{session_id}";
    let at = |rest: &str| format!("{SESSION}{rest}");

    let reply = router.create_session(&create(settings)).await.unwrap();
    contract.check("post", "/tool_router/session", reply.raw());
    let id = reply.session_id.as_str();
    contract.check("get", SESSION, router.get_session(id).await.unwrap().raw());
    let attach = AttachSession { experimental: Some(custom.into()) };
    contract.check("post", &at("/attach"), router.attach_session(id, &attach).await.unwrap().raw());
    let update: UpdateSession = serde_json::from_value(json!({"search": true})).unwrap();
    contract.check("patch", SESSION, router.update_session(id, &update).await.unwrap().raw());
    let page = PageQuery::default();
    contract.check("get", &at("/config_history"), router.config_history(id, &page).await.unwrap().raw());
    contract.check("get", &at("/tools"), router.session_tools(id, &page).await.unwrap().raw());
    let toolkits = router.session_toolkits(id, &SessionToolkitsQuery::default()).await.unwrap();
    contract.check("get", &at("/toolkits"), toolkits.raw());
    for use_case in ["read a note", "qwertz"] {
        let query = SearchQuery { use_case: use_case.to_owned(), known_fields: None };
        let request = SearchRequest { queries: vec![query], ..SearchRequest::default() };
        contract.check("post", &at("/search"), router.search(id, &request).await.unwrap().raw());
    }
    for (slug, arguments) in [
        ("SHELF_READ_NOTE", json!({"text": "a"})),
        ("SHELF_BURN", json!({})),
        ("SHELF_WRITE_NOTE", json!({"text": "a"})),
    ] {
        let reply = fixture.execute(id, slug, arguments).await.unwrap();
        contract.check("post", &at("/execute"), &RawJson::encode(&reply).unwrap());
    }
    for (slug, arguments) in [
        ("COMPOSIO_SEARCH_TOOLS", json!({"queries": [{"use_case": "read"}]})),
        ("COMPOSIO_MULTI_EXECUTE_TOOL", json!({"tools": [{"tool_slug": "SHELF_BURN"}]})),
        (
            "COMPOSIO_MULTI_EXECUTE_TOOL",
            json!({"tools": [{"tool_slug": "SHELF_WRITE_NOTE", "arguments": {"text": "a"}}]}),
        ),
    ] {
        let reply = fixture.meta(id, slug, arguments).await.unwrap();
        contract.check("post", &at("/execute_meta"), &RawJson::encode(&reply).unwrap());
    }

    let path = "a.txt".to_owned();
    let upload = UploadRequest { mount_relative_path: path.clone(), mimetype: None };
    let reply = router.upload_url(id, "files", &upload).await.unwrap();
    contract.check("post", &at("/mounts/{mount_id}/upload_url"), reply.raw());
    router.put_file(&reply.upload_url, None, "a".into()).await.unwrap();
    let files = router.list_files(id, "files", &FileListQuery::default()).await.unwrap();
    contract.check("get", &at("/mounts/{mount_id}/items"), files.raw());
    let file = MountPath { mount_relative_path: path, sandbox_mount_prefix: None };
    let reply = router.download_url(id, "files", &file).await.unwrap();
    contract.check("post", &at("/mounts/{mount_id}/download_url"), reply.raw());
    let reply = router.delete_file(id, "files", &file).await.unwrap();
    contract.check("post", &at("/mounts/{mount_id}/delete"), reply.raw());

    let accounts = router.list_connected_accounts(&ConnectedAccountsQuery::default()).await.unwrap();
    contract.check("get", "/connected_accounts", accounts.raw());
    contract.check("get", "/toolkits", router.list_toolkits(&ToolkitsQuery::default()).await.unwrap().raw());
    contract.check("get", "/toolkits/{slug}", router.get_toolkit("shelf").await.unwrap().raw());
    contract.check("get", "/tools", router.list_tools(&ToolsQuery::default()).await.unwrap().raw());
    contract.check("get", "/tools/{tool_slug}", router.get_tool("SHELF_BURN").await.unwrap().raw());
    contract.check("delete", SESSION, router.delete_session(id).await.unwrap().raw());
}
