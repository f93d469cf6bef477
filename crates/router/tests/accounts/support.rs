//! The OAuth server, a toolkit whose API wants credentials, and a browser without a window.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use composio_contract::{
    Backend as _, CreateSession, Error, ErrorKind, ExecuteMetaRequest, ExecuteReply, ExecuteRequest, LinkReply,
    LinkRequest, RawJson, Result, ResultType,
};
use composio_egress::{Egress, EgressOptions, Request};
use composio_router::accounts::{AuthScheme, OAuthScheme};
use composio_router::source::{CallContext, Outcome, Source, ToolDefinition, ToolkitInfo};
use composio_router::{Router, RouterBuilder, RouterConfig};
use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use url::Url;

use crate::database;

fn egress() -> Egress {
    Egress::new(EgressOptions { allow_hosts: vec!["127.0.0.1".to_owned(), "localhost".to_owned()] }).unwrap()
}

/// The OAuth server; it ends with the test.
pub(crate) struct Server {
    pub(crate) url: String,
    child: Child,
}

impl Server {
    pub(crate) fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = std::env::var_os("MCP_SERVERS").map_or_else(|| root.join(".mcp-servers"), PathBuf::from);
        assert!(
            folder.join("node_modules/oidc-provider").exists(),
            "{} has no oidc-provider: run tests/mcp-servers/install.sh first",
            folder.display()
        );
        let mut child = Command::new("node")
            .arg(root.join("tests/oauth/server.mjs"))
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://127.0.0.1:"), "the server says {url:?}");
        Self { url: url.trim().to_owned(), child }
    }

    pub(crate) async fn ask(&self, path: &str) -> Value {
        let response = egress().send(Request::get(&format!("{}{path}", self.url)).unwrap()).await.unwrap();
        assert_eq!(response.status, 200, "{path}");
        serde_json::from_slice(&response.body).unwrap()
    }

    /// How often a grant was asked for.
    pub(crate) async fn count(&self, grant: &str) -> u64 {
        self.ask("/_counts").await[grant].as_u64().unwrap_or_default()
    }

    pub(crate) fn oauth(&self) -> AuthScheme {
        AuthScheme::OAuth2(Box::new(OAuthScheme {
            issuer: Some(self.url.clone()),
            scopes: vec!["openid".to_owned()],
            ..OAuthScheme::default()
        }))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A toolkit with one tool, `API_WHO`, whose API wants a credential and repeats it.
#[derive(Debug)]
struct Api {
    info: ToolkitInfo,
    auth: AuthScheme,
    url: String,
    egress: Egress,
}

#[async_trait]
impl Source for Api {
    fn toolkit(&self) -> &ToolkitInfo {
        &self.info
    }

    async fn tools(&self) -> Result<Arc<[ToolDefinition]>> {
        let tool = ToolDefinition {
            slug: "API_WHO".to_owned(),
            operation: "who".to_owned(),
            title: "Who".to_owned(),
            description: "Says whose account is used.".to_owned(),
            input_schema: json!({"type": "object"}),
            output_schema: None,
            tags: Vec::new(),
            cautions: Vec::new(),
            facts: Value::Null,
        };
        Ok(vec![tool].into())
    }

    fn auth(&self) -> Option<&AuthScheme> {
        Some(&self.auth)
    }

    fn generation(&self) -> u64 {
        0
    }

    async fn call(&self, _: &ToolDefinition, _: Map<String, Value>, context: &CallContext) -> Result<Outcome> {
        let mut request = Request::get(&self.url)?;
        context.credential.as_ref().unwrap().sign(&mut request)?;
        let response = self.egress.send(request).await?;
        if response.status == 401 {
            return Err(Error::new(ErrorKind::Authentication, "the API answered with status 401"));
        }
        let text = String::from_utf8(response.body.to_vec()).unwrap();
        RawJson::parse(text).map(Outcome::Completed)
    }

    async fn close(&self) {}
}

/// A router with that toolkit, in a folder.
pub(crate) fn router(folder: &Path, auth: AuthScheme, url: &str, more: Value) -> Router {
    builder(folder, auth, url, more).build().unwrap()
}

/// That router before it is built.
pub(crate) fn builder(folder: &Path, auth: AuthScheme, url: &str, more: Value) -> RouterBuilder {
    let mut config = json!({
        "router": {"data_dir": folder},
        "http": {"allow_hosts": ["127.0.0.1"]},
    });
    if let Some(url) = database::of(folder) {
        config["router"]["database"] = url.into();
    }
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let api = Api {
        info: ToolkitInfo { slug: "api".to_owned(), name: "The API".to_owned(), description: "Knows you.".to_owned() },
        auth,
        url: url.to_owned(),
        egress: egress(),
    };
    Router::builder().config(RouterConfig::from_json(config).unwrap()).source(Arc::new(api))
}

/// All that a router in a folder has written, by where it is: its files, and its tables in PostgreSQL.
pub(crate) fn written(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut all: Vec<_> = files.map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect();
    if let Some(url) = database::of(folder) {
        let tables = database::sql(&url, "SELECT tablename FROM pg_tables WHERE schemaname = 'composio'");
        all.extend(tables.lines().map(|table| {
            // Text in bytes stays text.
            let select = format!("SET bytea_output TO escape; SELECT each FROM composio.{table} each");
            (table.to_owned(), database::sql(&url, &select).into_bytes())
        }));
    }
    all
}

/// Whether a text is in some bytes.
pub(crate) fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A test with OAuth: the server, a router, and a session of `ada`.
pub(crate) struct Setup {
    pub(crate) server: Server,
    pub(crate) folder: TempDir,
    pub(crate) router: Router,
    pub(crate) session: String,
}

impl Setup {
    pub(crate) async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// With settings of the session.
    pub(crate) async fn with(settings: Value) -> Self {
        let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
        let client = json!({"auth": [
            {"toolkit": "api", "client_id": "app", "client_secret": "secret-of-the-app"},
        ]});
        let router = router(folder.path(), server.oauth(), &format!("{}/_api", server.url), client);
        let session = session(&router, "ada", settings).await;
        Self { server, folder, router, session }
    }

    pub(crate) async fn link(&self) -> LinkReply {
        link(&self.router, &self.session).await
    }

    /// Connects an account and answers its id.
    pub(crate) async fn connect(&self) -> String {
        let link = self.link().await;
        let page = browse(&link.redirect_url).await;
        assert!(page.contains("is connected"), "{page}");
        link.connected_account_id
    }

    pub(crate) async fn who(&self) -> ExecuteReply {
        who(&self.router, &self.session, None).await.unwrap()
    }

    pub(crate) async fn status(&self, id: &str) -> (String, String) {
        let account = self.router.get_connected_account(id).await.unwrap();
        (account.status.clone(), account.status_reason.clone().unwrap_or_default())
    }
}

pub(crate) async fn session(router: &Router, user_id: &str, settings: Value) -> String {
    let mut request = json!({"user_id": user_id});
    request.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let request: CreateSession = serde_json::from_value(request).unwrap();
    router.create_session(&request).await.unwrap().session_id.clone()
}

pub(crate) async fn link(router: &Router, session: &str) -> LinkReply {
    let request = LinkRequest { toolkit: "api".to_owned(), ..LinkRequest::default() };
    router.link(session, &request).await.unwrap().into_parts().1
}

pub(crate) async fn who(router: &Router, session: &str, account: Option<&str>) -> Result<ExecuteReply> {
    let request = ExecuteRequest {
        tool_slug: "API_WHO".to_owned(),
        account: account.map(str::to_owned),
        ..ExecuteRequest::default()
    };
    router.execute(session, &request).await.map(|reply| reply.into_parts().1)
}

pub(crate) async fn meta(router: &Router, session: &str, slug: &str, arguments: Value) -> Value {
    let request = ExecuteMetaRequest {
        slug: slug.to_owned(),
        arguments: Some(arguments.into()),
        ..ExecuteMetaRequest::default()
    };
    let reply = router.execute_meta(session, &request).await.unwrap();
    assert_eq!(reply.result_type, Some(ResultType::Completed), "{:?}", reply.error);
    reply.data.as_ref().unwrap().decode("data").unwrap()
}

pub(crate) fn completed(reply: &ExecuteReply) -> Value {
    assert_eq!(reply.result_type, Some(ResultType::Completed), "{:?}", reply.error);
    reply.data.as_ref().unwrap().decode("data").unwrap()
}

pub(crate) fn failed(reply: &ExecuteReply) -> String {
    assert_eq!(reply.result_type, Some(ResultType::Failed));
    reply.error.clone().unwrap()
}

/// The cookies of the users who agreed, by name: each link has its own.
static AGREED: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// Where a link's page sends the browser whose user agrees there.
pub(crate) async fn consent(router: &Router, link: &str) -> String {
    let token = link.rsplit('/').next().unwrap();
    let reply = router.connect(true, token, "", &HeaderMap::new(), b"").await;
    assert_eq!(reply.status, 303, "{}", reply.body);
    reply.location.unwrap()
}

/// A page, by GET or by POST of a form, in the browser of the one who agreed: status, text, and where it redirects.
pub(crate) async fn fetch(url: &str, form: Option<&str>) -> (u16, String, Option<String>) {
    let pairs: Vec<String> = AGREED.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
    fetch_with(url, form, &[("cookie", &pairs.join("; "))]).await
}

/// A page, in a browser that sends such headers and nothing else.
pub(crate) async fn fetch_with(
    url: &str,
    form: Option<&str>,
    headers: &[(&'static str, &str)],
) -> (u16, String, Option<String>) {
    let mut request = Request::get(url).unwrap();
    request.redirects = 0;
    for (name, value) in headers {
        request.headers.insert(*name, value.parse().unwrap());
    }
    if let Some(form) = form {
        request.method = reqwest::Method::POST;
        request.body = form.to_owned().into();
    }
    let response = egress().send(request).await.unwrap();
    let location = response.headers.get(LOCATION).map(|location| location.to_str().unwrap().to_owned());
    (response.status.as_u16(), String::from_utf8(response.body.to_vec()).unwrap(), location)
}

/// A browser that keeps cookies, runs no script and stops at the router's callback.
#[derive(Default)]
struct Browser(BTreeMap<String, String>);

impl Browser {
    /// A page, or the form that it is answered with, and all redirects after it: where they end, and the text there.
    async fn open(&mut self, url: &str, form: Option<&str>) -> (Url, String) {
        let (mut url, mut form) = (Url::parse(url).unwrap(), form);
        for _ in 0..10 {
            if url.path() == "/connect/callback" {
                return (url, String::new());
            }
            let mut request = Request::get(url.as_str()).unwrap();
            request.redirects = 0;
            let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
            if !pairs.is_empty() {
                request.headers.insert(COOKIE, pairs.join("; ").parse().unwrap());
            }
            let is_get = form.is_none();
            if let Some(form) = form.take() {
                request.method = reqwest::Method::POST;
                request.headers.insert(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
                request.body = form.to_owned().into();
            }
            let response = egress().send(request).await.unwrap();
            for cookie in response.headers.get_all(SET_COOKIE) {
                let pair = cookie.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                if name.contains("composio-connect-") {
                    AGREED.lock().unwrap().insert(name.to_owned(), value.to_owned());
                }
                self.0.insert(name.to_owned(), value.to_owned());
            }
            let Some(location) = response.headers.get(LOCATION) else {
                if is_get && response.status == 200 && url.path().starts_with("/connect/") {
                    // The page that says for whom the account is.
                    form = Some("");
                    continue;
                }
                return (url, String::from_utf8(response.body.to_vec()).unwrap());
            };
            url = url.join(location.to_str().unwrap()).unwrap();
        }
        panic!("the provider redirects for ever");
    }
}

/// Follows a link at the provider as the user's browser does, up to the callback, which is not loaded yet.
pub(crate) async fn agree(url: &str) -> String {
    let (url, text) = Browser::default().open(url, None).await;
    assert_eq!(url.path(), "/connect/callback", "{text}");
    url.into()
}

/// Answers the provider that asks about a device: `confirm` or `abort`.
pub(crate) async fn answer_for_device(url: &str, answer: &str) -> String {
    let mut browser = Browser::default();
    let (place, page) = browser.open(url, None).await;
    let typed = place.query_pairs().find(|(name, _)| name == "user_code").unwrap().1.into_owned();
    let xsrf = page.split("name=\"xsrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("xsrf={xsrf}&user_code={typed}&{answer}=yes");
    browser.open(place.join("/device").unwrap().as_str(), Some(&form)).await.1
}

/// Follows a link to its end, and answers the page there.
pub(crate) async fn browse(url: &str) -> String {
    fetch(&agree(url).await, None).await.1
}
