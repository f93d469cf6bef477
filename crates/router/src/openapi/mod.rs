//! APIs as sources of tools, from their OpenAPI documents.
//!
//! A document in a file is read when the source is made, where it is to say how calls are signed; one from a URL when the
//! toolkit is first needed. A call becomes one HTTP request through the guarded way out, to the servers of the document and
//! the hosts that the configuration names, nowhere else; what signs it is applied last.

mod accounts;
mod config;
mod credential;
mod fetch;
mod ground;
mod pagination;
mod proxy;
mod reply;
mod send;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use composio_contract::{Error, ErrorKind, ProxyExecuteRequest, Result};
use composio_egress::Request;
use composio_openapi::{Document, Input, Operation, Prepared, Refused, shorten};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use serde_json::{Map, Value, json};
use url::Url;

pub use self::accounts::AccountChoice;
pub use self::config::{ApiKeyAuth, DocumentPlace, OpenApiConfig, OperationChoice, StaticAuth};
use self::fetch::Fetched;
use self::send::Api;
use crate::accounts::{AuthScheme, Credential, scopes};
use crate::bounded::Bounded;
use crate::left_out::LeftOut;
use crate::slug;
use crate::source::{
    CallContext, Outcome, Pinning, ProxyResult, Signing, Source, Tag, ToolDefinition, ToolDetails, ToolkitInfo,
};
use crate::text;
use crate::workspace::blocking::{self, Cancel};

/// The longest description of a tool, in characters; some providers take no longer one.
const MAX_DESCRIPTION: usize = 1_000;
/// The longest description of a toolkit, in characters.
const MAX_TOOLKIT_DESCRIPTION: usize = 300;
/// Bytes of a document that reading all of its operations may take, what they refer to several times counted each time.
const MAX_READ: u64 = 4 << 30;
/// Servers of a document that requests may go to.
const MAX_SERVERS: usize = 200;
/// The largest file that a request takes along.
const MAX_FILE: usize = 64 * 1024 * 1024;
/// How many operations keep what was worked out for their calls.
const KEPT: usize = 512;

/// The tools of one API.
#[derive(Debug)]
pub struct OpenApiSource {
    config: Arc<OpenApiConfig>,
    toolkit: ToolkitInfo,
    api: Api,
    /// How its calls are signed with accounts of the users.
    scheme: Option<AuthScheme>,
    loaded: OnceLock<Arc<Loaded>>,
    /// Held while the document is read, so that it is read once.
    reading: tokio::sync::Mutex<()>,
    left_out: Mutex<Arc<LeftOut>>,
}

/// A document that was read.
#[derive(Debug)]
struct Loaded {
    document: Document,
    /// Where it came from, which relative servers are meant from.
    url: Option<Url>,
    /// Places in the document's operations, by name.
    places: HashMap<String, usize>,
    ready: Mutex<Bounded<String, Arc<Ready>, KEPT>>,
    /// The servers that requests may go to.
    servers: OnceLock<Vec<Url>>,
}

/// What the calls of an operation share.
#[derive(Debug)]
struct Ready {
    input: Input,
    /// Where they go, or why that cannot be told.
    base: Result<Url, String>,
}

impl Loaded {
    fn new(fetched: &Fetched) -> Result<Self, Refused> {
        let document = Document::load(&fetched.text)?;
        let places = document.operations().iter().enumerate().map(|(at, one)| (one.name.clone(), at)).collect();
        Ok(Self { document, url: fetched.url.clone(), places, ready: Mutex::default(), servers: OnceLock::new() })
    }

    fn operation(&self, name: &str) -> Result<&Operation> {
        let found = self.places.get(name).and_then(|at| self.document.operations().get(*at));
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("the document has no operation `{name}`")))
    }

    fn ready(&self, operation: &Operation, base: impl FnOnce() -> Result<Url, String>) -> Result<Arc<Ready>, Refused> {
        let lock = || self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = lock().get(&operation.name) {
            return Ok(Arc::clone(ready));
        }
        let ready = Arc::new(Ready { input: self.document.input(operation)?, base: base() });
        lock().insert(operation.name.clone(), Arc::clone(&ready));
        Ok(ready)
    }
}

impl OpenApiSource {
    /// A source for an API. A document in a file, or given in code, is read at once where it is to say how calls are signed;
    /// what is wrong with it is told by the calls that need it.
    ///
    /// ```
    /// use composio_router::openapi::{DocumentPlace, OpenApiConfig, OpenApiSource};
    /// use composio_router::source::Source;
    ///
    /// let source = OpenApiSource::new(OpenApiConfig::new("pets", DocumentPlace::File("pets.yaml".into())))?;
    /// assert_eq!(source.toolkit().slug, "pets");
    /// # Ok::<(), composio_contract::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where the slug, a URL, a host or a header cannot be used.
    pub fn new(config: OpenApiConfig) -> Result<Self> {
        config.check()?;
        let toolkit = ToolkitInfo {
            slug: config.slug.clone(),
            name: config.name.clone().unwrap_or_else(|| config.slug.clone()),
            description: config
                .description
                .clone()
                .unwrap_or_else(|| format!("The API that {} describes.", config.document)),
        };
        let api = Api::new(&config)?;
        let is_asked = match &config.accounts {
            AccountChoice::Document | AccountChoice::Scheme(AuthScheme::OAuth2(_)) => config.auth.is_none(),
            AccountChoice::Scheme(_) | AccountChoice::None => false,
        };
        let at_hand = if is_asked { fetch::at_hand(&config.document) } else { None };
        let loaded = at_hand.and_then(|fetched| Loaded::new(&fetched).ok()).map(Arc::new);
        let scheme = accounts::scheme(&config, loaded.as_ref().map(|loaded| &loaded.document));
        let loaded = loaded.map_or_else(OnceLock::new, OnceLock::from);
        Ok(Self {
            config: Arc::new(config),
            toolkit,
            api,
            scheme,
            loaded,
            reading: tokio::sync::Mutex::default(),
            left_out: Mutex::default(),
        })
    }

    async fn loaded(&self) -> Result<Arc<Loaded>> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(Arc::clone(loaded));
        }
        let _reading = self.reading.lock().await;
        if let Some(loaded) = self.loaded.get() {
            return Ok(Arc::clone(loaded));
        }
        let fetched = fetch::document(&self.config, self.api.egress()).await?;
        let place = self.config.document.to_string();
        let fresh = blocking::run(move |_| {
            Loaded::new(&fetched).map_err(|refused| {
                Error::new(ErrorKind::Configuration, format!("the OpenAPI document {place} cannot be used: {refused}"))
            })
        })
        .await?;
        let is_unsigned = self.config.accounts == AccountChoice::Document && self.scheme.is_none();
        if let Some(missed) = accounts::scheme(&self.config, Some(&fresh.document)).filter(|_| is_unsigned) {
            tracing::warn!(
                toolkit = self.toolkit.slug,
                scheme = missed.name(),
                "the document wants calls to be signed; say how in `connect` or `auth` of the toolkit"
            );
        }
        Ok(Arc::clone(self.loaded.get_or_init(|| Arc::new(fresh))))
    }

    fn base_url(&self, loaded: &Loaded, operation: &Operation) -> Result<Url, String> {
        if let Some(base) = &self.config.base_url {
            return Ok(base.clone());
        }
        loaded.document.base_url(operation, loaded.url.as_ref(), &self.config.variables).map_err(|refused| {
            format!("{refused}; the operator can set `base_url` or `variables` of the toolkit `{}`", self.toolkit.slug)
        })
    }

    /// The servers of the document, which requests may go to.
    fn servers<'a>(&self, loaded: &'a Loaded) -> &'a [Url] {
        loaded.servers.get_or_init(|| self.find_servers(loaded))
    }

    fn find_servers(&self, loaded: &Loaded) -> Vec<Url> {
        let mut servers: Vec<Url> = self.config.base_url.iter().cloned().collect();
        for operation in loaded.document.operations() {
            if servers.len() >= MAX_SERVERS {
                break;
            }
            if servers.is_empty() || operation.servers.is_some() {
                let url = loaded.document.base_url(operation, loaded.url.as_ref(), &self.config.variables);
                servers.extend(url.ok().filter(|url| !servers.contains(url)));
            }
        }
        let filled = loaded.document.servers().iter().filter_map(|server| server.fill(&self.config.variables).ok());
        servers.extend(filled.filter_map(|url| Url::parse(&url).ok()));
        servers
    }

    /// The configuration's own credential for a call of this operation; none where the document says that it needs nothing.
    fn own_credential(&self, loaded: &Loaded, operation: Option<&Operation>) -> Result<Option<Credential>> {
        let Some(auth) = &self.config.auth else { return Ok(None) };
        if operation.is_some_and(|operation| operation.security.as_ref().is_some_and(Vec::is_empty)) {
            return Ok(None);
        }
        let wanted = operation.map_or(loaded.document.security(), |one| loaded.document.security_of(one));
        credential::resolve(auth, &loaded.document, wanted).map(Some)
    }

    /// A raw call as it is sent.
    async fn raw(&self, request: &ProxyExecuteRequest) -> Result<(Arc<Loaded>, Request)> {
        let loaded = self.loaded().await?;
        let servers = self.servers(&loaded);
        let base = servers.first().ok_or_else(|| {
            Error::validation(format!("the toolkit `{}` has no server; its `base_url` must be set", self.toolkit.slug))
        })?;
        let mut prepared = proxy::request(request, base)?;
        self.api.admit_below(&prepared.url, servers)?;
        send::stay_below(&mut prepared, servers);
        Ok((loaded, prepared))
    }

    async fn request(&self, prepared: &Prepared, base: &Url, context: &CallContext) -> Result<Request, String> {
        let url = prepared.url(base).map_err(|refused| refused.to_string())?;
        let method =
            reqwest::Method::from_bytes(prepared.method.name().as_bytes()).map_err(|error| error.to_string())?;
        let mut request = Request::to(method, url);
        request.headers = headers(&prepared.headers)?;
        let mut files: HashMap<&str, Bytes> = HashMap::new();
        for path in prepared.body.files() {
            let content = context.workspace.read_bytes(path, MAX_FILE).await.map_err(|error| error.to_string())?;
            files.insert(path, content);
        }
        let none: &[u8] = &[];
        if let Some((media_type, content)) = prepared.body.encode(|path| files.get(path).map_or(none, |file| file)) {
            let media_type = HeaderValue::try_from(media_type).map_err(|error| error.to_string())?;
            request.headers.insert(CONTENT_TYPE, media_type);
            request.body = content.into();
        }
        request.limit = reply::MAX_RESPONSE;
        request.time_limit = self.config.call_timeout.map_or(context.time_limit, |limit| limit.min(context.time_limit));
        Ok(request)
    }
}

/// The arguments of an operation as its tool takes them, with clean texts.
///
/// # Errors
/// Why the operation is left out: it cannot be read, or hides characters in its schema.
pub fn arguments(document: &Document, operation: &Operation) -> Result<Input, String> {
    let mut input = document.input(operation).map_err(|refused| refused.to_string())?;
    text::clean(&mut input.schema).map_err(|why| format!("the schema of its arguments {why}"))?;
    Ok(input)
}

/// The tools of the operations that were chosen, and those that cannot be read.
fn define(
    slug: &str,
    config: &OpenApiConfig,
    loaded: &Loaded,
    cancel: &Cancel,
) -> Result<(Vec<ToolDefinition>, LeftOut)> {
    let document = &loaded.document;
    let is_from_web = matches!(config.document, DocumentPlace::Url(_));
    let operations = document.operations();
    let names: Vec<&str> = operations.iter().map(|operation| operation.name.as_str()).collect();
    let most = document.bytes_read().saturating_add(MAX_READ);
    let (mut tools, mut left_out) = (Vec::new(), LeftOut::default());
    for (operation, slug_of_tool) in operations.iter().zip(slug::tools(slug, &names)) {
        cancel.check()?;
        if !config.operations.admits(operation) {
            continue;
        }
        if document.bytes_read() > most {
            let why = "comes, as those after it, when the document has referred to large parts of itself too often";
            left_out.note(slug, &operation.name, why);
            break;
        }
        match arguments(document, operation) {
            Ok(input) => {
                let mut tool = definition(operation, slug_of_tool, input.schema);
                if is_from_web {
                    let base = match config.base_url {
                        Some(_) => None,
                        None => document.base_url(operation, loaded.url.as_ref(), &config.variables).ok(),
                    };
                    tool.facts = ground::of_operation(document, operation, base.as_ref());
                }
                tools.push(tool);
            }
            Err(why) => left_out.note(slug, &operation.name, format_args!("cannot be used: {why}")),
        }
    }
    Ok((tools, left_out))
}

#[async_trait]
impl Source for OpenApiSource {
    fn toolkit(&self) -> &ToolkitInfo {
        &self.toolkit
    }

    async fn tools(&self) -> Result<Arc<[ToolDefinition]>> {
        let loaded = self.loaded().await?;
        let (slug, config) = (self.toolkit.slug.clone(), Arc::clone(&self.config));
        // A large document takes seconds.
        let (tools, left_out) = blocking::run(move |cancel| define(&slug, &config, &loaded, cancel)).await?;
        *self.left_out.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(left_out);
        Ok(tools.into())
    }

    fn left_out(&self) -> Arc<LeftOut> {
        Arc::clone(&self.left_out.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn auth(&self) -> Option<&AuthScheme> {
        self.scheme.as_ref()
    }

    fn signing(&self, tool: &ToolDefinition) -> Signing {
        let Some(scheme) = &self.scheme else { return Signing::Never };
        let Some(loaded) = self.loaded.get() else { return Signing::Always };
        let operation = loaded.operation(&tool.operation);
        operation.map_or(Signing::Always, |one| accounts::signing(&self.config, &loaded.document, one, scheme))
    }

    fn pinning(&self) -> Option<Pinning> {
        matches!(self.config.document, DocumentPlace::Url(_)).then_some(self.config.pin)
    }

    fn ground(&self) -> Option<Value> {
        let loaded = self.loaded.get()?;
        Some(ground::of_document(&loaded.document, self.servers(loaded)))
    }

    fn generation(&self) -> u64 {
        0
    }

    fn details(&self, tool: &ToolDefinition) -> ToolDetails {
        let Some(loaded) = self.loaded.get() else { return ToolDetails::of(tool) };
        let Ok(operation) = loaded.operation(&tool.operation) else { return ToolDetails::of(tool) };
        let body = loaded.document.output(operation).unwrap_or_else(|refused| {
            tracing::debug!(tool = tool.slug, %refused, "a result has no schema");
            None
        });
        let scopes =
            self.scheme.as_ref().map(|scheme| accounts::scopes(&self.config, &loaded.document, operation, scheme));
        let mut output = reply::schema(body);
        if let Err(why) = text::clean(&mut output) {
            tracing::debug!(tool = tool.slug, why, "a result is described without its schema");
            output = reply::schema(None);
        }
        ToolDetails {
            output_schema: Some(output),
            deprecated: operation.deprecated,
            scopes: scopes.unwrap_or_default(),
        }
    }

    async fn call(
        &self,
        tool: &ToolDefinition,
        arguments: Map<String, Value>,
        context: &CallContext,
    ) -> Result<Outcome> {
        let loaded = self.loaded().await?;
        let operation = loaded.operation(&tool.operation)?;
        let wrong = |refused: Refused| format!("{} was not called: {refused}", tool.slug);
        let (ready, prepared) = match loaded.ready(operation, || self.base_url(&loaded, operation)).and_then(|ready| {
            let prepared = ready.input.prepare(&arguments)?;
            Ok((ready, prepared))
        }) {
            Ok(both) => both,
            Err(refused) => return Ok(Outcome::failed(wrong(refused))),
        };
        let request = match &ready.base {
            Ok(base) => self.request(&prepared, base, context).await,
            Err(reason) => Err(reason.clone()),
        };
        let request = match request {
            Ok(request) => request,
            Err(reason) => return Ok(Outcome::failed(format!("{} was not called: {reason}", tool.slug))),
        };
        let own = self.own_credential(&loaded, Some(operation))?;
        let account = context.credential.as_deref().filter(|_| own.is_none());
        if let (Some(_), Some(scheme)) = (account, &self.scheme)
            && let Some(reason) = accounts::misfit(&self.config, &loaded.document, operation, scheme)
        {
            return Ok(Outcome::failed(format!("{} was not called: {reason}", tool.slug)));
        }
        let response = self.api.send(request, self.servers(&loaded), own.as_ref().or(account)).await?;
        if response.status == StatusCode::UNAUTHORIZED && account.is_some() {
            return Err(Error::new(ErrorKind::Authentication, reply::failure(tool, &response)));
        }
        if response.status == StatusCode::FORBIDDEN
            && account.is_some()
            && let Some(header) = response.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok())
            && let Some(lacking) = scopes::lacking(header)
        {
            return Err(scopes::refused(reply::failure(tool, &response), lacking));
        }
        let next = pagination::next(&response, &ready.input, &arguments);
        reply::outcome(tool, response, next, context).await
    }

    fn has_api(&self) -> bool {
        true
    }

    async fn check_proxy(&self, request: &ProxyExecuteRequest) -> Result<()> {
        self.raw(request).await.map(drop)
    }

    async fn proxy(&self, request: &ProxyExecuteRequest, context: &CallContext) -> Result<ProxyResult> {
        let (loaded, mut prepared) = self.raw(request).await?;
        prepared.time_limit = context.time_limit;
        let own = self.own_credential(&loaded, None)?;
        let credential = own.as_ref().or(context.credential.as_deref());
        let response = self.api.send(prepared, self.servers(&loaded), credential).await?;
        reply::proxied(response, context).await
    }

    async fn close(&self) {}
}

fn definition(operation: &Operation, slug: String, input_schema: Value) -> ToolDefinition {
    let place = format!("{} {}", operation.method, operation.path);
    let title = operation.summary.clone().or_else(|| operation.id.clone()).unwrap_or_else(|| place.clone());
    let about = operation.description.as_ref().or(operation.summary.as_ref()).unwrap_or(&place);
    let mut description = String::new();
    if operation.deprecated {
        description.push_str("Deprecated. ");
    }
    description.push_str(about);
    ToolDefinition {
        slug,
        operation: operation.name.clone(),
        title: text::name(&shorten(&title, 120)),
        description: text::prose(&shorten(&description, MAX_DESCRIPTION), MAX_DESCRIPTION + 1),
        input_schema,
        output_schema: None,
        tags: tags(operation.method.name()),
        cautions: Vec::new(),
        // Titles and schemas may stay while a call becomes another request.
        facts: json!({"request": place}),
    }
}

/// What a method says about what a call does.
pub(crate) fn tags(method: &str) -> Vec<Tag> {
    let mut tags = match method {
        "GET" | "HEAD" | "OPTIONS" | "TRACE" => vec![Tag::ReadOnly, Tag::Idempotent],
        "POST" => vec![Tag::Create],
        "PUT" => vec![Tag::Update, Tag::Idempotent],
        "PATCH" => vec![Tag::Update],
        "DELETE" => vec![Tag::Destructive, Tag::Idempotent],
        _ => Vec::new(),
    };
    tags.push(Tag::OpenWorld);
    tags
}

fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().map_err(|_| format!("{name:?} is not the name of a header"))?;
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| format!("the value of the header {name} has a character that is not allowed"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// What the contract says where a toolkit has no API behind it.
pub(crate) fn no_api(toolkit: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("the toolkit `{toolkit}` of the embedded router has no API behind it to send a raw call to"),
    )
    .with_suggested_fix("run one of its tools; the `http` toolkit makes plain HTTP requests")
}

/// A description of the toolkit out of the document's own words.
#[must_use]
pub fn describe(document: &Document) -> String {
    let first = document.description().and_then(|text| text.split("\n\n").next()).unwrap_or(document.title());
    text::prose(&shorten(first, MAX_TOOLKIT_DESCRIPTION), MAX_TOOLKIT_DESCRIPTION + 1)
}
