//! The files of one request to the backend, which runs one tool or several.

use std::sync::Arc;

use composio_contract::{ExecuteRequest, RawJson, Result, is_custom_slug};
use futures_util::future::try_join_all;
use indexmap::IndexMap;

use super::schema::Change;
use super::upload::Source;
use super::{Object, PendingUpload, ToolFiles, UploadAnswer, described};
use crate::file_options::AutomaticFiles;
use crate::multi::MULTI_EXECUTE;
use crate::outcome::Outcome;
use crate::session::Inner;

/// The meta tools that tell a model of other tools.
const DESCRIBING: [&str; 2] = ["COMPOSIO_SEARCH_TOOLS", "COMPOSIO_GET_TOOL_SCHEMAS"];

/// The files of one request to the backend.
#[derive(Debug)]
pub(crate) struct CallFiles {
    /// The slugs of the tools, in the order of the request.
    slugs: Vec<String>,
    tools: IndexMap<String, Arc<ToolFiles>>,
    /// The files among the arguments, in the order of the arguments.
    sources: Vec<Source>,
}

impl CallFiles {
    /// Finds the files among a request's arguments; asks the backend for the schemas of tools that are not known yet.
    pub(crate) async fn find(session: &Inner, request: &ExecuteRequest) -> Result<Self> {
        let mut slugs = Vec::new();
        each(request, &mut |slug, _| {
            slugs.push(slug.to_owned());
            Ok(None)
        })?;
        let backend = session.client.backend()?;
        let mut wanted = slugs.clone();
        wanted.retain(|slug| !slug.is_empty() && !is_custom_slug(slug));
        wanted.sort_unstable();
        wanted.dedup();
        let find = |slug: String| {
            let backend = &*backend;
            async move {
                let files = session.known.find(&slug, backend).await?;
                composio_contract::Result::Ok((slug, files))
            }
        };
        let tools = try_join_all(wanted.into_iter().map(find)).await?.into_iter().collect();
        let mut files = Self { slugs, tools, sources: Vec::new() };
        files.sources = files.sources(request)?;
        Ok(files)
    }

    fn sources(&self, request: &ExecuteRequest) -> Result<Vec<Source>> {
        let mut sources = Vec::new();
        self.replace(request, &mut |tool, path| {
            sources.push(Source::new(Arc::clone(tool), path));
            RawJson::empty_object()
        })?;
        Ok(sources)
    }

    /// Replaces each path or URL where a tool takes a file. Nothing in such a place is no file, and goes.
    fn replace(
        &self,
        request: &ExecuteRequest,
        with: &mut dyn FnMut(&Arc<ToolFiles>, String) -> RawJson,
    ) -> Result<Option<RawJson>> {
        each(request, &mut |slug, arguments| {
            let Some(tool) = self.tools.get(slug) else { return Ok(None) };
            let Some(schema) = &tool.uploads else { return Ok(None) };
            schema.walk(arguments, &mut |leaf| {
                Ok(match leaf.decode::<Option<String>>("file") {
                    Ok(Some(path)) if !path.is_empty() => Change::Replace(with(tool, path)),
                    Ok(_) => Change::Remove,
                    // What the backend expects is there already.
                    Err(_) => Change::Keep,
                })
            })
        })
    }

    /// The uploads, numbered from `first`.
    pub(crate) fn pending(&self, first: usize) -> impl Iterator<Item = PendingUpload> {
        self.sources.iter().enumerate().map(move |(index, source)| source.pending(first + index))
    }

    /// Takes an answer to one of them; `index` counts within this request.
    pub(crate) fn answer(&mut self, index: usize, answer: UploadAnswer) {
        if let Some(source) = self.sources.get_mut(index) {
            source.answer(answer);
        }
    }

    /// How many uploads there are.
    pub(crate) fn len(&self) -> usize {
        self.sources.len()
    }

    /// Uploads the files and puts what the tools take in their places. All of them are read before the first goes out.
    pub(crate) async fn upload(
        &self,
        session: &Inner,
        request: &mut ExecuteRequest,
        options: &AutomaticFiles,
    ) -> Result<()> {
        let mut checked = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            checked.push((source, source.check(&options.uploads).await?));
        }
        let backend = session.client.backend()?;
        let mut staged = Vec::with_capacity(checked.len());
        for (source, file) in checked {
            staged.push(file.send(&source.tool, &*backend).await?);
        }
        let mut staged = staged.into_iter();
        if let Some(arguments) = self.replace(request, &mut |_, _| staged.next().unwrap_or_default())? {
            request.arguments = Some(arguments);
        }
        Ok(())
    }

    /// Downloads the files of the result.
    pub(crate) async fn download(
        &self,
        session: &Inner,
        request: &ExecuteRequest,
        outcome: Outcome,
        options: &AutomaticFiles,
    ) -> Result<Outcome> {
        let data = if request.tool_slug.eq_ignore_ascii_case(MULTI_EXECUTE) {
            self.download_several(session, &outcome.data, options).await
        } else if DESCRIBING.iter().any(|slug| request.tool_slug.eq_ignore_ascii_case(slug)) {
            described(&outcome.data)
        } else {
            match self.tools.get(&request.tool_slug) {
                Some(tool) => tool.downloaded(&outcome.data, &session.client, options).await,
                None => None,
            }
        };
        match data {
            Some(data) => outcome.with_data(data),
            None => Ok(outcome),
        }
    }

    async fn download_several(&self, session: &Inner, data: &RawJson, options: &AutomaticFiles) -> Option<RawJson> {
        let mut fields: Object = data.decode("data").ok()?;
        let mut results: Vec<RawJson> = fields.get("results")?.decode("results").ok()?;
        let mut changed = false;
        for (index, result) in results.iter_mut().enumerate() {
            let Ok(mut entry) = result.decode::<Object>("result") else { continue };
            let named = entry.get("tool_slug").and_then(|slug| slug.decode::<String>("tool_slug").ok());
            let tool = named.as_ref().or(self.slugs.get(index)).and_then(|slug| self.tools.get(slug));
            let response = entry.get("response").and_then(|response| response.decode::<Object>("response").ok());
            let (Some(tool), Some(mut response)) = (tool, response) else { continue };
            let Some(data) = response.get("data") else { continue };
            if let Some(new) = tool.downloaded(data, &session.client, options).await {
                response.insert("data".to_owned(), new);
                entry.insert("response".to_owned(), RawJson::encode(&response).ok()?);
                *result = RawJson::encode(&entry).ok()?;
                changed = true;
            }
        }
        fields.insert("results".to_owned(), RawJson::encode(&results).ok()?);
        changed.then(|| RawJson::encode(&fields).ok()).flatten()
    }
}

/// Goes through the tools that a request runs with their arguments; answers with the request's changed arguments where
/// `work` changed some.
fn each(
    request: &ExecuteRequest,
    work: &mut dyn FnMut(&str, &RawJson) -> Result<Option<RawJson>>,
) -> Result<Option<RawJson>> {
    let none = RawJson::empty_object();
    let arguments = request.arguments.as_ref().unwrap_or(&none);
    if !request.tool_slug.eq_ignore_ascii_case(MULTI_EXECUTE) {
        return work(&request.tool_slug, arguments);
    }
    let mut fields: Object = arguments.decode("arguments")?;
    let tools = fields.get("tools").and_then(|tools| tools.decode::<Vec<RawJson>>("tools").ok());
    let Some(mut tools) = tools else { return Ok(None) };
    let mut changed = false;
    for tool in &mut tools {
        let mut item: Object = tool.decode("tool").unwrap_or_default();
        let slug = item.get("tool_slug").and_then(|slug| slug.decode::<String>("tool_slug").ok()).unwrap_or_default();
        let arguments = item.get("arguments").filter(|arguments| arguments.is_object()).unwrap_or(&none);
        if let Some(new) = work(&slug, arguments)? {
            item.insert("arguments".to_owned(), new);
            *tool = RawJson::encode(&item)?;
            changed = true;
        }
    }
    if !changed {
        return Ok(None);
    }
    fields.insert("tools".to_owned(), RawJson::encode(&tools)?);
    RawJson::encode(&fields).map(Some)
}
