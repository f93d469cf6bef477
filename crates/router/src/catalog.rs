//! Every toolkit and tool there is. Sources are asked when a toolkit is first needed, all at once where several are.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use composio_contract::{Error, ErrorKind, RawJson, Result, Tool, ToolToolkit};
use composio_schema::{BadSchema, Schema, closest};
use composio_search::{Document, Index};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::fingerprint;
use crate::names::{Names, begins_with};
use crate::pins::{self, GROUND, HeldTool, Settled};
use crate::policy::{Listed, Subject};
use crate::slug;
use crate::source::{Signing, Source, ToolDefinition, ToolkitInfo};
use crate::store::Store;

/// The version that every tool of this router has on the wire: tools are not versioned here.
pub(crate) const VERSION: &str = "00000000_00";

/// Meta tools and custom tools have slugs that begin so.
const RESERVED: [&str; 2] = ["composio", "local"];

/// How long a toolkit that has held tools is believed to have the same ones: an operator may accept them at any time.
const HELD_FOR: Duration = Duration::from_millis(500);

/// A tool of the catalogue, with what is made of it once.
#[derive(Debug)]
pub(crate) struct CatalogTool {
    pub(crate) definition: ToolDefinition,
    pub(crate) source: Arc<dyn Source>,
    /// What the slug would be without a hash, if it has one: rules that exclude a tool, or ask first, bind those by its name too.
    plain: Option<String>,
    /// The slugs that the toolkit has or had; see [`Settled::slugs`].
    slugs: Arc<HashSet<String>>,
    hash: OnceLock<[u8; 32]>,
    input_schema: RawJson,
    validator: OnceLock<std::result::Result<Schema, BadSchema>>,
}

impl CatalogTool {
    fn new(
        definition: ToolDefinition,
        hash: Option<[u8; 32]>,
        source: Arc<dyn Source>,
        slugs: Arc<HashSet<String>>,
    ) -> Self {
        let input_schema = RawJson::from(definition.input_schema.clone());
        let plain = slug::plain(&source.toolkit().slug, &definition.operation);
        Self {
            plain: plain.filter(|plain| *plain != definition.slug),
            hash: hash.map_or_else(OnceLock::new, OnceLock::from),
            validator: OnceLock::new(),
            definition,
            source,
            slugs,
            input_schema,
        }
    }

    pub(crate) fn slug(&self) -> &str {
        &self.definition.slug
    }

    pub(crate) fn toolkit(&self) -> &ToolkitInfo {
        self.source.toolkit()
    }

    /// The hash of the definition.
    pub(crate) fn hash(&self) -> &[u8; 32] {
        self.hash.get_or_init(|| fingerprint::definition_hash(&self.definition))
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        let by_account = self.source.lists_by_account();
        Subject {
            toolkit: &self.toolkit().slug,
            slug: self.slug(),
            plain: self.plain.as_deref(),
            tags: &self.definition.tags,
            cautions: &self.definition.cautions,
            // Accounts list different tools, so that one which is not known yet may well be there.
            slugs: (!by_account).then_some(&*self.slugs),
            listed: by_account.then(|| Listed { operation: &self.definition.operation, hash: self.hash() }),
        }
    }

    /// The schema of the arguments, as text.
    pub(crate) fn input_schema(&self) -> &RawJson {
        &self.input_schema
    }

    /// The schema of the arguments, compiled on first use, or why it cannot be used. Arguments for a schema that is not valid are
    /// left to the source to check.
    pub(crate) fn validator(&self) -> &std::result::Result<Schema, BadSchema> {
        self.validator.get_or_init(|| {
            Schema::compile(&self.definition.input_schema)
                .inspect(|schema| {
                    if schema.unchecked_patterns() > 0 {
                        let patterns = schema.unchecked_patterns();
                        tracing::warn!(tool = self.slug(), patterns, "patterns are too large and are not checked");
                    }
                })
                .inspect_err(|error| tracing::warn!(tool = self.slug(), %error, "arguments cannot be checked"))
        })
    }

    /// The same, if it was compiled before.
    pub(crate) fn compiled(&self) -> Option<&std::result::Result<Schema, BadSchema>> {
        self.validator.get()
    }

    /// The tool as the contract has it.
    pub(crate) fn on_the_wire(&self) -> Tool {
        let definition = &self.definition;
        let toolkit = self.toolkit();
        let details = self.source.details(definition);
        let defaults = wire_defaults(&definition.title);
        let deprecated = match defaults.deprecated.clone() {
            Some(Value::Object(mut old)) if details.deprecated => {
                old.insert("is_deprecated".to_owned(), Value::Bool(true));
                Some(Value::Object(old))
            }
            old => old,
        };
        Tool {
            slug: definition.slug.clone(),
            name: definition.title.clone(),
            description: definition.description.clone(),
            toolkit: ToolToolkit { slug: toolkit.slug.clone(), name: toolkit.name.clone(), logo: String::new() },
            input_parameters: self.input_schema.clone(),
            output_parameters: Some(details.output_schema.map_or_else(RawJson::empty_object, RawJson::from)),
            tags: definition.tags.iter().map(|tag| tag.name().to_owned()).collect(),
            is_deprecated: details.deprecated,
            no_auth: self.source.signing(definition) != Signing::Always,
            scopes: details.scopes,
            deprecated,
            ..defaults
        }
    }
}

/// What is the same for every tool of this router.
pub(crate) fn wire_defaults(display_name: &str) -> Tool {
    Tool {
        slug: String::new(),
        name: String::new(),
        description: String::new(),
        toolkit: ToolToolkit::default(),
        input_parameters: RawJson::empty_object(),
        output_parameters: None,
        tags: Vec::new(),
        version: VERSION.to_owned(),
        available_versions: vec![VERSION.to_owned()],
        is_deprecated: false,
        no_auth: true,
        scopes: Vec::new(),
        deprecated: Some(json!({
            "displayName": display_name,
            "version": VERSION,
            "available_versions": [VERSION],
            "is_deprecated": false,
            "toolkit": {"logo": ""},
        })),
        human_description: None,
    }
}

/// What is known of a source's tools so far.
struct Entry {
    source: Arc<dyn Source>,
    /// Held while the source is asked, so that it is asked once.
    asking: tokio::sync::Mutex<()>,
    loaded: RwLock<Option<Loaded>>,
    /// What was last warned of, so that a source which stays broken is warned of once.
    warned: Mutex<Option<String>>,
}

#[derive(Clone)]
struct Loaded {
    generation: u64,
    tools: Arc<[Arc<CatalogTool>]>,
    held: Arc<[HeldTool]>,
    slugs: Arc<HashSet<String>>,
    read_at: Instant,
}

impl Entry {
    fn current(&self) -> Option<Arc<[Arc<CatalogTool>]>> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        let holds = |loaded: &&Loaded| {
            loaded.generation == self.source.generation()
                && (loaded.held.is_empty() || loaded.read_at.elapsed() < HELD_FOR)
        };
        loaded.as_ref().filter(holds).map(|loaded| Arc::clone(&loaded.tools))
    }

    fn warn(&self, error: &Error) {
        let toolkit = &self.source.toolkit().slug;
        // The further lines say what passes, such as the wait before the next try.
        let what = error.message().lines().next().unwrap_or_default();
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.as_deref() == Some(what) {
            tracing::debug!(toolkit, %error, "a toolkit's tools still cannot be read");
        } else {
            tracing::warn!(toolkit, %error, "a toolkit's tools could not be read");
            *warned = Some(what.to_owned());
        }
    }

    fn held(&self) -> Arc<[HeldTool]> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        loaded.as_ref().map_or_else(|| Arc::from([]), |loaded| Arc::clone(&loaded.held))
    }
}

/// The tools that are loaded, by slug and by what they are about.
#[derive(Default)]
pub(crate) struct Loads {
    by_slug: HashMap<String, Arc<CatalogTool>>,
    pub(crate) index: Index,
}

impl Loads {
    pub(crate) fn get(&self, slug: &str) -> Option<&Arc<CatalogTool>> {
        self.by_slug.get(slug)
    }

    fn replace(&mut self, old: &[Arc<CatalogTool>], new: &[Arc<CatalogTool>]) {
        for tool in old {
            self.by_slug.remove(tool.slug());
            self.index.remove(tool.slug());
        }
        for tool in new {
            let parameters: Vec<&str> = parameter_names(&tool.definition.input_schema).collect();
            self.index.insert(&Document {
                id: tool.slug(),
                name: &tool.definition.title,
                toolkit: &tool.toolkit().name,
                description: &tool.definition.description,
                parameters: &parameters,
            });
            self.by_slug.insert(tool.slug().to_owned(), Arc::clone(tool));
        }
    }
}

/// The names of a schema's properties.
pub(crate) fn parameter_names(schema: &Value) -> impl Iterator<Item = &str> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.as_str())
}

/// Every toolkit and tool there is.
pub(crate) struct Catalog {
    /// Sorted by slug.
    entries: Vec<Entry>,
    names: Names,
    store: Arc<dyn Store>,
    loads: RwLock<Loads>,
}

impl Catalog {
    /// Collects sources; none is asked yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where two have the same slug, or one is reserved.
    pub(crate) fn new(mut sources: Vec<Arc<dyn Source>>, store: Arc<dyn Store>) -> Result<Self> {
        sources.sort_by(|one, other| one.toolkit().slug.cmp(&other.toolkit().slug));
        for slug in sources.iter().map(|source| source.toolkit().slug.as_str()) {
            if RESERVED.iter().any(|reserved| slug == *reserved || begins_with(slug, reserved)) {
                let message = format!("the toolkit slug `{slug}` is taken: tools of that name are the router's own");
                return Err(Error::new(ErrorKind::Configuration, message));
            }
        }
        for pair in sources.windows(2) {
            if let [one, other] = pair
                && one.toolkit().slug == other.toolkit().slug
            {
                return Err(Error::new(
                    ErrorKind::Configuration,
                    format!("two toolkits have the slug `{}`; give one of them another", one.toolkit().slug),
                ));
            }
        }
        let entry = |source| Entry {
            source,
            asking: tokio::sync::Mutex::new(()),
            loaded: RwLock::new(None),
            warned: Mutex::default(),
        };
        let names = Names::new(sources.iter().map(|source| source.toolkit().slug.as_str()));
        Ok(Self { entries: sources.into_iter().map(entry).collect(), names, store, loads: RwLock::default() })
    }

    /// The toolkits, sorted by slug.
    pub(crate) fn toolkits(&self) -> impl Iterator<Item = &ToolkitInfo> {
        self.entries.iter().map(|entry| entry.source.toolkit())
    }

    /// The sources, sorted by their toolkits' slugs.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Arc<dyn Source>> {
        self.entries.iter().map(|entry| &entry.source)
    }

    /// A toolkit, by its slug without regard to case.
    pub(crate) fn toolkit(&self, slug: &str) -> Result<&ToolkitInfo> {
        self.toolkits()
            .find(|toolkit| toolkit.slug.eq_ignore_ascii_case(slug))
            .ok_or_else(|| self.unknown_toolkit(slug, ErrorKind::NotFound).with_status(404))
    }

    /// The source of a toolkit, by its slug without regard to case.
    pub(crate) fn source(&self, slug: &str) -> Result<&Arc<dyn Source>> {
        let found = self.entries.iter().find(|entry| entry.source.toolkit().slug.eq_ignore_ascii_case(slug));
        found.map(|entry| &entry.source).ok_or_else(|| self.unknown_toolkit(slug, ErrorKind::NotFound).with_status(404))
    }

    /// The error that names toolkits there are.
    pub(crate) fn unknown_toolkit(&self, slug: &str, kind: ErrorKind) -> Error {
        let close = closest(slug, self.toolkits().map(|toolkit| toolkit.slug.as_str()));
        let error = Error::new(kind, format!("the embedded router has no toolkit `{slug}`"));
        if close.is_empty() {
            let all: Vec<&str> = self.toolkits().map(|toolkit| toolkit.slug.as_str()).collect();
            let all = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
            error.with_suggested_fix(format!("configured are: {all}; an MCP server is added in composio.toml"))
        } else {
            error.with_suggested_fix(format!("did you mean {}?", close.join(" or ")))
        }
    }

    /// The sources where each account has tools of its own.
    pub(crate) fn sources_by_account(&self) -> impl Iterator<Item = &Arc<dyn Source>> {
        self.sources().filter(|source| source.lists_by_account())
    }

    /// The tools that were loaded.
    pub(crate) fn loads(&self) -> RwLockReadGuard<'_, Loads> {
        self.loads.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads the tools of the toolkits that `wanted` accepts, all at the same time. One that fails is told beside the
    /// others.
    pub(crate) async fn load(&self, wanted: impl Fn(&ToolkitInfo) -> bool) -> Vec<ToolkitTools<'_>> {
        self.load_noting(wanted, || ()).await
    }

    /// The same; `answered` is called when a toolkit has answered.
    pub(crate) async fn load_noting(
        &self,
        wanted: impl Fn(&ToolkitInfo) -> bool,
        answered: impl Fn(),
    ) -> Vec<ToolkitTools<'_>> {
        let wanted = self.entries.iter().filter(|entry| wanted(entry.source.toolkit()));
        let answered = &answered;
        join_all(wanted.map(|entry| async move {
            let tools = self.load_entry(entry).await;
            answered();
            ToolkitTools { toolkit: entry.source.toolkit(), tools }
        }))
        .await
    }

    async fn load_entry(&self, entry: &Entry) -> Result<Arc<[Arc<CatalogTool>]>> {
        if let Some(tools) = entry.current() {
            return Ok(tools);
        }
        let _asking = entry.asking.lock().await;
        if let Some(tools) = entry.current() {
            return Ok(tools);
        }
        if let Some(tools) = self.still_held(entry).await? {
            return Ok(tools);
        }
        // Read first: a change while the source answers must make the answer stale.
        let generation = entry.source.generation();
        let toolkit = &entry.source.toolkit().slug;
        let definitions = entry.source.tools().await.inspect_err(|error| entry.warn(error))?;
        *entry.warned.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let read_at = Instant::now();
        let Settled { tools, held, slugs } = match entry.source.pinning() {
            None => pins::unpinned(toolkit, &self.names, &definitions),
            Some(pinning) => {
                let ground = entry.source.ground();
                pins::settle(self.store.pin_store(), toolkit, pinning, &self.names, &definitions, ground).await?
            }
        };
        let fresh: Arc<[Arc<CatalogTool>]> = tools
            .into_iter()
            .map(|(tool, hash)| Arc::new(CatalogTool::new(tool, hash, Arc::clone(&entry.source), Arc::clone(&slugs))))
            .collect();
        let mut loaded = entry.loaded.write().unwrap_or_else(PoisonError::into_inner);
        let old = loaded.replace(Loaded { generation, tools: Arc::clone(&fresh), held: held.into(), slugs, read_at });
        let old = old.map_or_else(|| Arc::from([]), |old| old.tools);
        self.loads.write().unwrap_or_else(PoisonError::into_inner).replace(&old, &fresh);
        Ok(fresh)
    }

    /// The tools as they were loaded, if nothing but time has passed and what is held still is.
    async fn still_held(&self, entry: &Entry) -> Result<Option<Arc<[Arc<CatalogTool>]>>> {
        let loaded = entry.loaded.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(loaded) = loaded.filter(|loaded| loaded.generation == entry.source.generation()) else {
            return Ok(None);
        };
        let read_at = Instant::now();
        let pins = self.store.pin_store().held(Some(&entry.source.toolkit().slug)).await?;
        let pins: HashMap<&str, _> = pins.iter().map(|pin| (pin.operation.as_str(), pin.accepted)).collect();
        let is_held = |tool: &HeldTool| pins.get(tool.operation.as_str()).is_some_and(|pin| *pin != Some(tool.hash));
        if !loaded.held.iter().all(is_held) {
            return Ok(None);
        }
        if let Some(current) = &mut *entry.loaded.write().unwrap_or_else(PoisonError::into_inner) {
            current.read_at = read_at;
        }
        Ok(Some(loaded.tools))
    }

    /// The toolkit that a tool's slug belongs to, without regard to case.
    pub(crate) fn owner(&self, slug: &str) -> Option<&str> {
        self.names.owner(slug)
    }

    fn entry(&self, toolkit: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.source.toolkit().slug.eq_ignore_ascii_case(toolkit))
    }

    /// A tool by its slug, without regard to case. Asks only the source whose toolkit the slug names.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] with close slugs, [`ErrorKind::PermissionDenied`] for a tool that is held, or why the toolkit's
    /// tools could not be read.
    pub(crate) async fn tool(&self, slug: &str) -> Result<Arc<CatalogTool>> {
        let slug = slug.to_ascii_uppercase();
        let entry = self.names.owner(&slug).and_then(|owner| self.entry(owner));
        if let Some(entry) = entry {
            self.load_entry(entry).await?;
        }
        if let Some(tool) = self.loads().get(&slug) {
            return Ok(Arc::clone(tool));
        }
        Err(self.held(&slug).map_or_else(|| self.unknown_tool(&slug), |held| held.error()))
    }

    /// The tool of this slug, without a search for what may have been meant if there is none.
    ///
    /// # Errors
    /// Why its toolkit could not be read.
    pub(crate) async fn tool_if_there(&self, slug: &str) -> Result<Option<Arc<CatalogTool>>> {
        let slug = slug.to_ascii_uppercase();
        if let Some(entry) = self.names.owner(&slug).and_then(|owner| self.entry(owner)) {
            self.load_entry(entry).await?;
        }
        Ok(self.loads().get(&slug).map(Arc::clone))
    }

    /// Checks that nothing that raw calls to a toolkit's API stand on has changed since it was accepted.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`] where it has, or why the toolkit could not be read.
    pub(crate) async fn check_ground(&self, toolkit: &str) -> Result<()> {
        let Some(entry) = self.entry(toolkit).filter(|entry| entry.source.pinning().is_some()) else { return Ok(()) };
        self.load_entry(entry).await?;
        match entry.held().iter().find(|held| held.operation == GROUND) {
            Some(held) => Err(held.error()),
            None => Ok(()),
        }
    }

    /// The tool of this slug, if it is held.
    pub(crate) fn held(&self, slug: &str) -> Option<HeldTool> {
        let entry = self.names.owner(slug).and_then(|owner| self.entry(owner))?;
        entry.held().iter().find(|held| held.slug.eq_ignore_ascii_case(slug)).cloned()
    }

    /// The held tools of all toolkits that are loaded.
    pub(crate) fn all_held(&self) -> Vec<HeldTool> {
        self.entries.iter().flat_map(|entry| entry.held().to_vec()).collect()
    }

    /// The slugs that a toolkit has or had, in lower case, and whether these are all: it is loaded, as far as it can be without
    /// starting a server, and does not list by account.
    pub(crate) async fn slugs(&self, toolkit: &str) -> Result<(Arc<HashSet<String>>, bool)> {
        let Some(entry) = self.entry(toolkit) else { return Ok((Arc::default(), true)) };
        let is_whole = !entry.source.lists_by_account();
        if entry.source.pinning().is_none() && self.load_entry(entry).await.is_err() {
            // It was warned of when it was loaded.
            return Ok((Arc::default(), false));
        }
        let loaded = entry
            .loaded
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(|loaded| (Arc::clone(&loaded.slugs), is_whole));
        if let Some(loaded) = loaded {
            return Ok(loaded);
        }
        let pins = self.store.pin_store().pins(Some(&entry.source.toolkit().slug)).await?;
        let slugs = pins::known_slugs(&entry.source.toolkit().slug, &pins);
        Ok((Arc::new(slugs.map(|slug| slug.to_lowercase()).collect()), false))
    }

    pub(crate) fn unknown_tool(&self, slug: &str) -> Error {
        let loads = self.loads();
        // What an account lists is for its user alone.
        let shared = loads.by_slug.values().filter(|tool| !tool.source.lists_by_account());
        let close = closest(slug, shared.map(|tool| tool.slug()));
        let fix = if close.is_empty() {
            "find tools with a search, or list those of a toolkit".to_owned()
        } else {
            format!("did you mean {}?", close.join(" or "))
        };
        Error::new(ErrorKind::NotFound, format!("there is no tool `{slug}`"))
            .with_status(404)
            .with_slug("ToolRouter_ToolNotFound")
            .with_suggested_fix(fix)
    }

    /// Ends every source.
    pub(crate) async fn close(&self) {
        join_all(self.entries.iter().map(|entry| entry.source.close())).await;
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.toolkits().map(|toolkit| &toolkit.slug)).finish()
    }
}

/// A toolkit and its tools, or why they could not be read.
#[derive(Debug)]
pub(crate) struct ToolkitTools<'a> {
    pub(crate) toolkit: &'a ToolkitInfo,
    pub(crate) tools: Result<Arc<[Arc<CatalogTool>]>>,
}
