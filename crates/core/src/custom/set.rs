//! The custom tools of one session.

use std::collections::HashMap;
use std::sync::OnceLock;

use composio_contract::{
    AttachSession, CustomTool, CustomToolkit, CustomTools, Error, Experimental, Patch, PreloadTools, RawJson, Result,
    Settings, Tool, ToolToolkit, check_custom_slug, final_custom_slug,
};
use composio_schema::Schema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::definition::{Definition, wire_schema};

/// What stands before the description of a custom tool that is listed directly.
const DIRECT_NOTE: &str = "Call this tool directly by its name; it needs no search and no multi execute. ";

/// Custom tools that a session binds: checked, with their final slugs.
#[derive(Debug, Default)]
pub struct CustomToolSet {
    entries: Vec<Entry>,
    toolkits: Vec<CustomToolkit>,
    by_final: HashMap<String, usize>,
    by_original: HashMap<String, Vec<usize>>,
    wire: CustomTools,
    /// `wire` as text, since it travels with every search and execute.
    payload: Option<RawJson>,
}

/// One custom tool of a set.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) final_slug: String,
    pub(crate) toolkit: Option<String>,
    pub(crate) preload: bool,
    pub(crate) definition: Definition,
    schema: OnceLock<Option<Schema>>,
}

#[derive(Deserialize)]
struct ToolkitDefinition {
    slug: String,
    name: String,
    description: String,
    #[serde(default)]
    preload: Option<bool>,
    tools: Vec<Definition>,
}

/// A custom tool as `custom_tools()` lists it.
#[derive(Serialize)]
struct Registered<'a> {
    slug: &'a str,
    name: &'a str,
    description: &'a str,
    input_schema: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    toolkit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_schema: Option<&'a Value>,
}

impl CustomToolSet {
    /// Takes a list of [`Definition`]s and a list of toolkits of them.
    ///
    /// # Errors
    /// [`composio_contract::ErrorKind::Validation`] where two tools collide or a toolkit is malformed.
    pub fn new(tools: &RawJson, toolkits: &RawJson) -> Result<Self> {
        let tools: Vec<Definition> = tools.decode("custom_tools")?;
        let toolkits: Vec<ToolkitDefinition> = toolkits.decode("custom_toolkits")?;
        let mut set = Self::default();
        for definition in tools {
            set.wire.custom_tools.push(wire_tool(&definition.tool));
            set.add(definition, None)?;
        }
        for toolkit in toolkits {
            set.add_toolkit(toolkit)?;
        }
        if !set.wire.is_empty() {
            set.payload = Some(RawJson::encode(&set.wire)?);
        }
        Ok(set)
    }

    fn add_toolkit(&mut self, toolkit: ToolkitDefinition) -> Result<()> {
        let slug = toolkit.slug;
        check_custom_slug("custom toolkit", &slug)?;
        let fail = |what: &str| Err(Error::validation(format!("custom toolkit {slug}: {what}")));
        if self.toolkits.iter().any(|other| other.slug.eq_ignore_ascii_case(&slug)) {
            return fail("there are two of that slug");
        }
        if !(1..=128).contains(&toolkit.name.chars().count()) {
            return fail("the name must have 1 to 128 characters");
        }
        if !(1..=2048).contains(&toolkit.description.chars().count()) {
            return fail("the description must have 1 to 2,048 characters");
        }
        if toolkit.tools.is_empty() {
            return fail("it has no tools");
        }
        let mut wire = CustomToolkit {
            slug: slug.clone(),
            name: toolkit.name,
            description: toolkit.description,
            preload: toolkit.preload,
            tools: Vec::new(),
        };
        for definition in toolkit.tools {
            if definition.tool.extends_toolkit.is_some() {
                return fail(&format!("its tool {} cannot extend another toolkit as well", definition.tool.slug));
            }
            wire.tools.push(wire_tool(&definition.tool));
            self.add(definition, Some(&wire))?;
        }
        self.toolkits.push(wire.clone());
        self.wire.custom_toolkits.push(wire);
        Ok(())
    }

    fn add(&mut self, definition: Definition, toolkit: Option<&CustomToolkit>) -> Result<()> {
        let owner = toolkit.map(|toolkit| toolkit.slug.clone()).or_else(|| definition.tool.extends_toolkit.clone());
        let slug = final_custom_slug(&definition.tool.slug, owner.as_deref())?;
        let preload = definition.tool.preload.or(toolkit.and_then(|toolkit| toolkit.preload)).unwrap_or(false);
        if self.by_final.contains_key(&slug) {
            return Err(Error::validation(format!(
                "custom tool {}: two tools have the final slug {slug}",
                definition.tool.slug
            )));
        }
        let index = self.entries.len();
        self.by_final.insert(slug.clone(), index);
        self.by_original.entry(definition.tool.slug.to_uppercase()).or_default().push(index);
        self.entries.push(Entry { final_slug: slug, toolkit: owner, preload, definition, schema: OnceLock::new() });
        Ok(())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What travels with each search and execute.
    pub(crate) fn payload(&self) -> Option<RawJson> {
        self.payload.clone()
    }

    /// The request that binds the tools to a session that exists.
    pub(crate) fn attachment(&self) -> Option<AttachSession> {
        self.payload.clone().map(|payload| AttachSession { experimental: Some(payload) })
    }

    /// Adds the tools to a session's settings.
    pub(crate) fn add_to(&self, settings: &mut Settings) {
        if self.is_empty() {
            return;
        }
        if !matches!(settings.experimental, Patch::Set(_)) {
            settings.experimental = Patch::Set(Default::default());
        }
        if let Patch::Set(experimental) = &mut settings.experimental {
            experimental.custom_tools = (!self.wire.custom_tools.is_empty()).then(|| self.wire.custom_tools.clone());
            experimental.custom_toolkits =
                (!self.wire.custom_toolkits.is_empty()).then(|| self.wire.custom_toolkits.clone());
        }
    }

    /// Refuses a custom slug in the session's own preload list, where the backend would not find it.
    pub(crate) fn check_preload(&self, settings: &Settings) -> Result<()> {
        let Some(PreloadTools::List(slugs)) = settings.preload.value().and_then(|preload| preload.tools.as_ref())
        else {
            return Ok(());
        };
        match slugs.iter().find(|slug| {
            let upper = slug.to_uppercase();
            self.by_final.contains_key(&upper) || self.by_original.contains_key(&upper)
        }) {
            Some(slug) => Err(Error::validation(format!("preload.tools: {slug} is a custom tool"))
                .with_suggested_fix("set preload on the tool or its toolkit instead")),
            None => Ok(()),
        }
    }

    /// Takes over the final slugs that the backend gave.
    pub(crate) fn adopt(&mut self, reply: Option<&Experimental>) {
        let Some(reply) = reply else { return };
        let alone = reply.custom_tools.iter().flatten().map(|tool| (tool.extends_toolkit.as_deref(), tool));
        let grouped = reply
            .custom_toolkits
            .iter()
            .flatten()
            .flat_map(|toolkit| toolkit.tools.iter().map(move |tool| (Some(toolkit.slug.as_str()), tool)));
        for (toolkit, tool) in alone.chain(grouped) {
            let Some(original) = &tool.original_slug else { continue };
            let same = |entry: &&mut Entry| {
                entry.definition.tool.slug.eq_ignore_ascii_case(original)
                    && match (&entry.toolkit, toolkit) {
                        (Some(mine), Some(theirs)) => mine.eq_ignore_ascii_case(theirs),
                        (None, None) => true,
                        _ => false,
                    }
            };
            if let Some(entry) = self.entries.iter_mut().find(same) {
                entry.final_slug.clone_from(&tool.slug);
            }
        }
        self.by_final =
            self.entries.iter().enumerate().map(|(i, entry)| (entry.final_slug.to_uppercase(), i)).collect();
    }

    /// The tool that a slug means: by final slug, else by the caller's own where only one tool has it.
    ///
    /// # Errors
    /// [`composio_contract::ErrorKind::Validation`] where several have it.
    pub(crate) fn find(&self, slug: &str) -> Result<Option<&Entry>> {
        if self.is_empty() {
            return Ok(None);
        }
        let upper = slug.to_uppercase();
        if let Some(index) = self.by_final.get(&upper) {
            return Ok(self.entries.get(*index));
        }
        match self.by_original.get(&upper).map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([index]) => Ok(self.entries.get(*index)),
            Some(several) => {
                let slugs: Vec<_> = several
                    .iter()
                    .filter_map(|index| self.entries.get(*index))
                    .map(|entry| entry.final_slug.as_str())
                    .collect();
                Err(Error::validation(format!("{slug}: several custom tools have that slug"))
                    .with_suggested_fix(format!("use one of {}", slugs.join(", "))))
            }
        }
    }

    /// The tools that are listed directly, apart from those in `listed`, in the shape of the catalogue's tools.
    pub(crate) fn preloaded(&self, listed: impl Fn(&str) -> bool) -> impl Iterator<Item = Tool> {
        self.entries.iter().filter(move |entry| entry.preload && !listed(&entry.final_slug)).map(|entry| {
            let tool = &entry.definition.tool;
            let toolkit = entry.toolkit.as_deref();
            let name = toolkit
                .and_then(|slug| self.toolkits.iter().find(|toolkit| toolkit.slug == slug))
                .map(|toolkit| toolkit.name.as_str());
            Tool {
                slug: entry.final_slug.clone(),
                name: tool.name.clone(),
                description: format!("{DIRECT_NOTE}{}", tool.description),
                toolkit: ToolToolkit {
                    slug: toolkit.unwrap_or("custom").to_owned(),
                    name: name.or(toolkit).unwrap_or("Custom").to_owned(),
                    logo: String::new(),
                },
                input_parameters: wire_schema(&tool.input_schema).into(),
                output_parameters: tool.output_schema.clone().map(RawJson::from),
                no_auth: true,
                ..Tool::default()
            }
        })
    }

    /// Every tool, or those of one toolkit, with final slugs.
    pub(crate) fn list(&self, toolkit: Option<&str>) -> Result<RawJson> {
        let wanted = |entry: &&Entry| match toolkit {
            None => true,
            Some(slug) => entry.toolkit.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(slug)),
        };
        RawJson::encode(&self.entries.iter().filter(wanted).map(Entry::registered).collect::<Vec<_>>())
    }

    /// Every custom toolkit with its tools.
    pub(crate) fn list_toolkits(&self) -> Result<RawJson> {
        let toolkits: Vec<_> = self
            .toolkits
            .iter()
            .map(|toolkit| {
                let own = |entry: &&Entry| {
                    entry.definition.tool.extends_toolkit.is_none() && entry.toolkit.as_deref() == Some(&toolkit.slug)
                };
                json!({
                    "slug": toolkit.slug,
                    "name": toolkit.name,
                    "description": toolkit.description,
                    "tools": self.entries.iter().filter(own).map(Entry::registered).collect::<Vec<_>>(),
                })
            })
            .collect();
        RawJson::encode(&toolkits)
    }
}

impl Entry {
    fn registered(&self) -> Registered<'_> {
        let tool = &self.definition.tool;
        Registered {
            slug: &self.final_slug,
            name: &tool.name,
            description: &tool.description,
            input_schema: &tool.input_schema,
            toolkit: self.toolkit.as_deref(),
            output_schema: tool.output_schema.as_ref(),
        }
    }

    /// Checks arguments against the tool's schema, where the language layer left that to core.
    ///
    /// # Errors
    /// What is wrong, for a model.
    pub(crate) fn check(&self, arguments: &Value) -> Result<(), String> {
        if !self.definition.validate {
            return Ok(());
        }
        let compile = || Schema::compile(&self.definition.tool.input_schema).ok();
        match self.schema.get_or_init(compile) {
            Some(schema) => schema.check(arguments).map_err(|invalid| invalid.to_string()),
            None => Err("the tool's input schema is not a valid JSON Schema".to_owned()),
        }
    }
}

/// The tool as the wire carries it.
fn wire_tool(tool: &CustomTool) -> CustomTool {
    CustomTool { input_schema: wire_schema(&tool.input_schema), ..tool.clone() }
}
