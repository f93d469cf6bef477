//! Tools' files go to and fro by themselves, where the client allows it: a path or URL among the arguments is uploaded
//! and replaced by what the backend expects, a file among the results is downloaded and replaced by its path here.
//!
//! Which places in arguments and results are files the tool's schemas say. They come with the session's list of tools,
//! else from the catalogue, once for each tool.

mod call;
mod download;
mod schema;
mod upload;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use composio_contract::{Backend, ErrorKind, RawJson, Result, Tool};
use indexmap::IndexMap;
use serde::Deserialize;

pub(crate) use call::CallFiles;
pub(crate) use schema::for_model;
use schema::{DOWNLOADABLE, FileSchema, UPLOADABLE};
pub use upload::{PendingUpload, UploadAnswer};

/// An object whose values stay text, so that numbers cross unchanged.
type Object = IndexMap<String, RawJson>;

/// What is known of one tool's files.
#[derive(Debug, Default)]
struct ToolFiles {
    slug: String,
    toolkit: String,
    uploads: Option<FileSchema>,
    downloads: Option<FileSchema>,
}

impl ToolFiles {
    fn of(tool: &Tool) -> Self {
        let output = tool.output_parameters.as_ref();
        Self {
            slug: tool.slug.clone(),
            toolkit: tool.toolkit.slug.clone(),
            uploads: FileSchema::read(&tool.input_parameters, UPLOADABLE),
            downloads: output.and_then(|output| FileSchema::read(output, DOWNLOADABLE)).map(FileSchema::of_data),
        }
    }
}

/// The tools whose schemas a session has seen, by their slugs in upper case. Without a lock, which a forked child could
/// find taken by a thread that it does not have.
#[derive(Debug, Default)]
pub(crate) struct KnownTools(ArcSwap<HashMap<String, Arc<ToolFiles>>>);

impl KnownTools {
    /// Remembers tools.
    pub(crate) fn learn(&self, tools: &[Tool]) {
        let files: Vec<_> = tools.iter().map(|tool| (tool.slug.as_str(), Arc::new(ToolFiles::of(tool)))).collect();
        self.put(&files);
    }

    fn put(&self, files: &[(&str, Arc<ToolFiles>)]) {
        self.0.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.extend(files.iter().map(|(slug, files)| (slug.to_ascii_uppercase(), Arc::clone(files))));
            known
        });
    }

    fn get(&self, slug: &str) -> Option<Arc<ToolFiles>> {
        self.0.load().get(&slug.to_ascii_uppercase()).cloned()
    }

    /// What is known of a tool; the backend is asked once. A tool that the catalogue does not have has no files.
    async fn find(&self, slug: &str, backend: &dyn Backend) -> Result<Arc<ToolFiles>> {
        if let Some(known) = self.get(slug) {
            return Ok(known);
        }
        let files = match backend.get_tool(slug).await {
            Ok(tool) => Arc::new(ToolFiles::of(&tool)),
            Err(error) if error.kind() == ErrorKind::NotFound => Arc::default(),
            Err(error) => return Err(error),
        };
        self.put(&[(slug, Arc::clone(&files))]);
        Ok(files)
    }
}

/// A tool as the backend listed it, with its input as a model is to see it.
///
/// # Errors
/// None in practice.
pub(crate) fn listed(item: RawJson, tool: &Tool) -> Result<RawJson> {
    let Some(input) = for_model(&tool.input_parameters) else { return Ok(item) };
    let mut fields: Object = item.decode("tool")?;
    fields.insert("input_parameters".to_owned(), input);
    RawJson::encode(&fields)
}

/// The result of a meta tool that tells a model of other tools, with their inputs as a model is to see them. None where
/// it has no file.
fn described(data: &RawJson) -> Option<RawJson> {
    #[derive(Deserialize)]
    struct Input {
        input_schema: RawJson,
    }
    if !data.as_str().contains(UPLOADABLE) {
        return None;
    }
    let mut fields: Object = data.decode("data").ok()?;
    let mut schemas: Object = fields.get("tool_schemas")?.decode("tool_schemas").ok()?;
    let mut changed = false;
    for tool in schemas.values_mut() {
        let input = tool.decode::<Input>("tool").ok().and_then(|tool| for_model(&tool.input_schema));
        if let (Some(input), Ok(mut described)) = (input, tool.decode::<Object>("tool")) {
            described.insert("input_schema".to_owned(), input);
            *tool = RawJson::encode(&described).ok()?;
            changed = true;
        }
    }
    fields.insert("tool_schemas".to_owned(), RawJson::encode(&schemas).ok()?);
    changed.then(|| RawJson::encode(&fields).ok()).flatten()
}
