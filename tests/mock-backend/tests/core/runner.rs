//! Carries out the steps of one vector with core's own API.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use composio_binding::manage;
use composio_contract::{Backend, ErrorKind, RawJson, Result};
use composio_core::provider::{Provider, tool_results};
use composio_core::{
    Call, Choice, Client, ClientOptions, CustomToolSet, FileOptions, HttpBackend, LocalOutcome, Outcome, PendingUpload,
    RunMode, Session, Upload, UploadAnswer, custom, files,
};
use composio_router::{Router, RouterConfig};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What the mock says about a vector.
#[derive(Deserialize)]
pub(crate) struct Vector {
    client: Map<String, Value>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    custom_tools: Vec<Value>,
    #[serde(default)]
    custom_toolkits: Vec<Value>,
    #[serde(default)]
    modifiers: Vec<Value>,
    steps: Vec<Step>,
}

/// Arguments stay text, so that numbers keep their digits.
type Arguments = BTreeMap<String, RawJson>;

#[derive(Clone, Deserialize)]
struct Step {
    call: String,
    #[serde(default)]
    with: Arguments,
}

/// What a custom tool ended with: a result, or the message of its failure.
type Behaved = std::result::Result<Option<RawJson>, String>;

pub(crate) struct Runner {
    vector: Vector,
    provider: Provider,
    client: Option<Client>,
    session: Option<Session>,
    account: Option<String>,
    file: Option<RawJson>,
    folder: tempfile::TempDir,
}

fn text(map: &Map<String, Value>, key: &str) -> Option<String> {
    map.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn string(with: &Arguments, key: &str) -> Option<String> {
    with.get(key).and_then(|value| value.decode(key).ok())
}

impl Runner {
    pub(crate) fn new(vector: Vector) -> Self {
        let provider = text(&vector.client, "provider").map(|name| name.parse().unwrap()).unwrap_or_default();
        let folder = tempfile::tempdir().unwrap();
        Self { vector, provider, client: None, session: None, account: None, file: None, folder }
    }

    pub(crate) fn steps(&self) -> usize {
        self.vector.steps.len()
    }

    fn client(&mut self) -> Result<Client> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let given = &self.vector.client;
        let headers = given.get("default_headers").and_then(Value::as_object).cloned().unwrap_or_default();
        let headers = headers.into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned()));
        let options = ClientOptions {
            backend: text(given, "backend"),
            api_key: text(given, "api_key").map(Into::into),
            base_url: text(given, "base_url"),
            timeout: given.get("timeout").and_then(Value::as_f64).map(Duration::from_secs_f64),
            max_retries: given.get("max_retries").and_then(Value::as_u64).map(|retries| retries as u32),
            default_headers: headers.collect(),
        };
        let backend: Arc<dyn Backend> = match options.choose_with(|name| self.vector.env.get(name).cloned())? {
            Choice::Http(options) => Arc::new(HttpBackend::new(options)?),
            Choice::Embedded => embedded(self.folder.path().join("data"))?,
        };
        let about_files = |name: &str| ["file_", "_files"].iter().any(|part| name.contains(part));
        let options: Map<String, Value> =
            given.iter().filter(|(name, _)| about_files(name)).map(|(k, v)| (k.clone(), v.clone())).collect();
        let options = FileOptions::read_with(&RawJson::encode(&options)?, |name| self.vector.env.get(name).cloned())?;
        let client = Client::with_files(move || Ok(backend.clone()), options);
        self.client = Some(client.clone());
        Ok(client)
    }

    fn session(&self) -> &Session {
        self.session.as_ref().unwrap()
    }

    fn tools(&self) -> Result<CustomToolSet> {
        let define = |tools: &[Value]| -> Result<Vec<custom::Definition>> {
            tools.iter().map(|tool| custom::define(&RawJson::from(tool.clone()))).collect()
        };
        let mut toolkits = self.vector.custom_toolkits.clone();
        for toolkit in &mut toolkits {
            let tools = define(toolkit["tools"].as_array().unwrap())?;
            toolkit["tools"] = serde_json::to_value(tools).unwrap();
        }
        CustomToolSet::new(&RawJson::encode(&define(&self.vector.custom_tools)?)?, &RawJson::encode(&toolkits)?)
    }

    /// Runs tools the way every language does: the custom ones here, by the behaviour that the vector names.
    async fn run(&self, calls: Vec<Call>, mode: RunMode) -> Result<Vec<Result<Outcome>>> {
        let mut run = self.session().run(calls, mode)?;
        if mode == RunMode::ToolCall && run.may_upload() && !self.vector.modifiers.is_empty() {
            let answers = run.uploads().await.into_iter().map(|upload| self.judge(upload)).collect();
            run.answer_uploads(answers);
        }
        let mut outcomes = Vec::new();
        for call in run.local_calls().to_vec() {
            let (data, error) = match Box::pin(self.behave(&call.slug, call.arguments)).await? {
                Ok(data) => (data, None),
                Err(error) => (None, Some(error)),
            };
            outcomes.push(LocalOutcome { id: call.id, data, error });
        }
        run.remote().await;
        run.finish(outcomes)
    }

    /// What the vector's modifiers make of an upload.
    fn judge(&self, upload: PendingUpload) -> UploadAnswer {
        let mut answer = UploadAnswer { id: upload.id, path: Some(upload.path) };
        for modifier in self.vector.modifiers.iter().filter(|modifier| modifier["type"] == "before_file_upload") {
            let names = |key: &str| modifier.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
            let (tools, toolkits) = (names("tools"), names("toolkits"));
            let everywhere = tools.is_empty() && toolkits.is_empty();
            if everywhere || tools.contains(&json!(upload.tool)) || toolkits.contains(&json!(upload.toolkit)) {
                answer.path = modifier["behaviour"]["set_path"].as_str().map(str::to_owned);
            }
        }
        answer
    }

    /// The behaviour of the tool with that final slug; backends may number slugs.
    fn behaviour(&self, slug: &str) -> Value {
        let grouped = self.vector.custom_toolkits.iter().flat_map(|toolkit| toolkit["tools"].as_array().unwrap());
        let name = |tool: &Value| tool["slug"].as_str().unwrap().to_uppercase();
        let tools = self.vector.custom_tools.iter().chain(grouped);
        let own = tools.filter(|tool| slug.trim_end_matches("_2").ends_with(&name(tool)));
        own.max_by_key(|tool| name(tool).len()).unwrap()["behaviour"].clone()
    }

    async fn behave(&self, slug: &str, arguments: RawJson) -> Result<Behaved> {
        let behaviour = self.behaviour(slug);
        if let Some(name) = behaviour.as_str() {
            return Ok(Ok(match name {
                "echo" => Some(arguments),
                "nothing" => None,
                "context_user" => Some(RawJson::from(json!({"user_id": self.session().user_id()}))),
                other => panic!("unknown behaviour {other}"),
            }));
        }
        let (name, value) = behaviour.as_object().unwrap().iter().next().unwrap();
        let result = match name.as_str() {
            "fail" => return Ok(Err(value.as_str().unwrap().to_owned())),
            "return" => Ok(RawJson::from(value.clone())),
            "proxy_execute" => self.session().proxy_execute(&RawJson::from(value.clone())).await,
            "call" => {
                let slug = value["slug"].as_str().unwrap().to_owned();
                let arguments = value.get("arguments").cloned().map(RawJson::from);
                let call = Call { slug, arguments, ..Call::default() };
                let mut outcomes = self.run(vec![call], RunMode::Execute).await?;
                outcomes.remove(0).and_then(|outcome| outcome.as_execute_response())
            }
            other => panic!("unknown behaviour {other}"),
        };
        match result {
            Ok(data) => Ok(Ok(Some(data))),
            Err(error) if error.kind() == ErrorKind::ToolInputRequired => Err(error),
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    pub(crate) async fn step(&mut self, index: usize) -> Result<RawJson> {
        let Step { call, with } = self.vector.steps[index].clone();
        let options = RawJson::encode(&with)?;
        let text = |key: &str| string(&with, key).unwrap_or_default();
        let one = |slug: &str| Call {
            slug: text(slug),
            arguments: with.get("arguments").cloned(),
            account: string(&with, "account"),
            input_responses: with.get("input_responses").cloned(),
            request_state: string(&with, "request_state"),
            problem: None,
        };
        let client = self.client()?;
        match call.as_str() {
            "client" => Ok(RawJson::empty_object()),
            "create" => {
                self.session = Some(client.create(&options, self.tools()?).await?);
                self.state()
            }
            "use" => {
                let mcp = with.get("mcp").is_some_and(|mcp| mcp.as_str() == "true");
                self.session = Some(client.use_session(&text("session_id"), self.tools()?, mcp).await?);
                self.state()
            }
            "delete" => client.delete_session(&text("session_id")).await,
            "session.state" => self.state(),
            "session.delete" => self.session().delete().await,
            "session.tools" => self.session().provider_tools(self.provider).await,
            "session.schema_report" => self.session().schema_report(self.provider).await,
            "session.search" => self.session().search(&text("query"), string(&with, "model").as_deref()).await,
            "session.execute" => {
                self.run(vec![one("tool_slug")], RunMode::Execute).await?.remove(0)?.as_execute_response()
            }
            "session.execute_tool_call" => {
                if with.contains_key("modifiers") {
                    self.session().tools().await?;
                }
                Ok(tool_results(self.run(vec![one("slug")], RunMode::ToolCall).await?)?.remove(0))
            }
            "session.execute_meta" => self.session().execute_meta(one("slug")).await?.as_execute_response(),
            "session.handle_tool_calls" => {
                let calls = self.provider.tool_calls(&with["reply"])?;
                let outcomes = self.run(calls.iter().map(|call| call.to_call()).collect(), RunMode::ToolCall).await?;
                self.provider.format_results(&calls, &tool_results(outcomes)?)
            }
            "session.proxy_execute" => self.session().proxy_execute(&options).await,
            "session.toolkits" => self.session().toolkits(&options).await,
            "session.update" => {
                self.session().update(&options).await?;
                self.state()
            }
            "session.list_config_history" => self.session().config_history(&options).await,
            "session.custom_tools" => self.session().custom_tools(string(&with, "toolkit").as_deref()),
            "session.custom_toolkits" => self.session().custom_toolkits(),
            "session.authorize" => {
                let account = self.session().authorize(&options).await?;
                self.remember_account(&account);
                Ok(account)
            }
            "connection.wait" => {
                let timeout: Option<f64> = with.get("timeout").and_then(|value| value.decode("timeout").ok());
                let id = self.account.clone().unwrap();
                client.wait_for_connection(&id, timeout.map(Duration::from_secs_f64)).await
            }
            "connected_accounts.link" | "connected_accounts.initiate" => {
                let account = manage(&client, &call, "", &options).await?;
                self.remember_account(&account);
                Ok(account)
            }
            call if call.starts_with("connected_accounts.") || call.starts_with("auth_configs.") => {
                let id = string(&with, "id").or_else(|| string(&with, "toolkit")).unwrap_or_default();
                manage(&client, call, &id, with.get("options").unwrap_or(&options)).await
            }
            "toolkits.get" => client.toolkit(&text("slug")).await,
            "toolkits.list" => client.toolkits(&options).await,
            "tools.get" => client.tool(&text("slug")).await,
            "tools.list" => client.tools(&options).await,
            other => self.file_step(other, &with, &options).await,
        }
    }

    fn remember_account(&mut self, account: &RawJson) {
        let account: Map<String, Value> = account.decode("account").unwrap();
        self.account = account["id"].as_str().map(str::to_owned);
    }

    async fn file_step(&mut self, call: &str, with: &Arguments, options: &RawJson) -> Result<RawJson> {
        let text = |key: &str| string(with, key).unwrap_or_default();
        let files = self.session().files();
        let mount = string(with, "mount_id").unwrap_or_else(|| files::DEFAULT_MOUNT.to_owned());
        match call {
            "files.list" => files.list(&mount, options).await,
            "files.upload" => {
                let upload = self.upload(&with["input"])?;
                let (path, mimetype) = (string(with, "remote_path"), string(with, "mimetype"));
                let file = files.upload(&mount, upload, path.as_deref(), mimetype.as_deref()).await?;
                self.remember(file)
            }
            "files.download" => {
                let file = files.download(&mount, &text("file_path")).await?;
                self.remember(file)
            }
            "files.delete" => files.delete(&mount, &text("remote_path")).await,
            "file.text" => {
                let content = files.content(&self.file_field("download_url")).await?;
                Ok(RawJson::from(json!({"text": std::str::from_utf8(&content).unwrap()})))
            }
            "file.buffer" => {
                let content = files.content(&self.file_field("download_url")).await?;
                Ok(RawJson::from(json!({"base64": BASE64_STANDARD.encode(content)})))
            }
            "file.save" => self.save().await,
            other => panic!("unknown call {other}"),
        }
    }

    fn upload(&self, input: &RawJson) -> Result<Upload> {
        let input: Map<String, Value> = input.decode("input")?;
        let local = |name: &str| self.folder.path().join(name);
        if let Some(file) = input.get("file").and_then(Value::as_object) {
            let path = local(file["name"].as_str().unwrap());
            std::fs::write(&path, file["text"].as_str().unwrap()).unwrap();
            return Ok(Upload::Path(path));
        }
        if let Some(name) = text(&input, "missing_file") {
            return Ok(Upload::Path(local(&name)));
        }
        if let Some(content) = text(&input, "base64") {
            return Ok(Upload::Content(BASE64_STANDARD.decode(content).unwrap().into()));
        }
        if let Some(url) = text(&input, "url") {
            return Ok(Upload::Url(url));
        }
        Ok(Upload::Content(Bytes::from(text(&input, "text").unwrap())))
    }

    fn remember(&mut self, file: RawJson) -> Result<RawJson> {
        let mut fields: Map<String, Value> = file.decode("file")?;
        let path = text(&fields, "mount_relative_path").unwrap_or_default();
        fields.insert("filename".to_owned(), files::file_name(&path).unwrap_or_default().into());
        self.file = Some(file);
        RawJson::encode(&fields)
    }

    fn file_field(&self, key: &str) -> String {
        let fields: Map<String, Value> = self.file.as_ref().unwrap().decode("file").unwrap();
        text(&fields, key).unwrap_or_default()
    }

    /// Saves into the folder `in`, and says which files there are afterwards, in it and beside it.
    async fn save(&self) -> Result<RawJson> {
        let root = self.folder.path().join("saves");
        let folder = root.join("in");
        std::fs::create_dir_all(&folder).unwrap();
        let (url, path) = (self.file_field("download_url"), self.file_field("mount_relative_path"));
        let saved = self.session().files().save(&url, &path, Some(folder.clone())).await?;
        let mut files = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                match path.is_dir() {
                    true => folders.push(path),
                    false => files.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()),
                }
            }
        }
        Ok(RawJson::from(json!({"files": files, "text": std::fs::read_to_string(&saved).unwrap()})))
    }

    fn state(&self) -> Result<RawJson> {
        let session = self.session();
        // The embedded router of these tests has no server in it.
        let mcp = session.mcp().ok().map(|mcp| {
            let headers: Map<String, Value> =
                mcp.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
            json!({"type": mcp.kind, "url": mcp.url, "headers": headers})
        });
        RawJson::encode(&json!({
            "session_id": session.id(),
            "user_id": session.user_id(),
            "config": session.config(),
            "config_version": session.config_version(),
            "preload": session.preload(),
            "assistive_prompt": session.assistive_prompt(),
            "mcp": mcp,
        }))
    }
}

fn embedded(data: PathBuf) -> Result<Arc<dyn Backend>> {
    Ok(Arc::new(Router::builder().config(RouterConfig::in_folder(data)).build()?))
}
