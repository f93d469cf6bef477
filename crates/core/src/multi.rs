//! A multi execute that mixes custom tools with the backend's: split, and joined again in the order of the request.

use composio_contract::{ErrorKind, RawJson, Result};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::outcome::{Outcome, has_failed, with_results};
use crate::run::{Call, Run, Step};

/// The meta tool that runs several tools at once.
pub(crate) const MULTI_EXECUTE: &str = "COMPOSIO_MULTI_EXECUTE_TOOL";

/// An object whose values stay text, so that numbers cross unchanged.
type Object = IndexMap<String, RawJson>;

/// A multi execute of which at least one item runs here.
#[derive(Debug)]
pub(crate) struct Multi {
    /// One an item, in the order of the request.
    items: Vec<(String, Place)>,
    remote: Option<Step>,
}

#[derive(Debug)]
enum Place {
    Here(Step),
    Backend,
}

#[derive(Default, Deserialize)]
struct Item {
    #[serde(default)]
    tool_slug: String,
    #[serde(default)]
    arguments: Option<RawJson>,
}

/// What the backend made of its items.
#[derive(Default)]
struct Theirs {
    results: Vec<Object>,
    /// The other fields of its data.
    data: Object,
    failure: Option<String>,
}

impl Multi {
    /// Splits the call, or hands it back where nothing in it runs here.
    pub(crate) fn split(call: Call, run: &mut Run) -> Result<Result<Self, Call>> {
        let Some(arguments) = &call.arguments else { return Ok(Err(call)) };
        let mut arguments: Object = arguments.decode("arguments")?;
        let tools: Vec<RawJson> = match arguments.get("tools").map(|tools| tools.decode("tools")) {
            Some(Ok(tools)) => tools,
            _ => return Ok(Err(call)),
        };
        let items: Vec<Item> = tools.iter().map(|tool| tool.decode("tool").unwrap_or_default()).collect();
        let here = items.iter().map(|item| run.is_local(&item.tool_slug)).collect::<Result<Vec<_>>>()?;
        if !here.contains(&true) {
            return Ok(Err(call));
        }
        let theirs: Vec<&RawJson> = tools.iter().zip(&here).filter(|(_, here)| !**here).map(|(tool, _)| tool).collect();
        let remote = if theirs.is_empty() {
            None
        } else {
            arguments.insert("tools".to_owned(), RawJson::encode(&theirs)?);
            Some(run.send(Call { arguments: Some(RawJson::encode(&arguments)?), ..call }))
        };
        let mut planned = Vec::with_capacity(items.len());
        for (Item { tool_slug, arguments }, here) in items.into_iter().zip(here) {
            let place = match here {
                false => Place::Backend,
                true => {
                    let call = Call { slug: tool_slug.clone(), arguments, ..Call::default() };
                    Place::Here(match call.check() {
                        Ok(()) => run.step(call)?,
                        Err(error) => Step::Settled(Outcome::failed(error.message())),
                    })
                }
            };
            planned.push((tool_slug, place));
        }
        Ok(Ok(Self { items: planned, remote }))
    }

    /// Joins the results. What failed to reach the backend becomes a failure of each item that was meant for it.
    pub(crate) fn join(self, take: &mut impl FnMut(Step) -> Result<Outcome>) -> Result<Outcome> {
        let alone = self.items.len() == 1;
        let mut theirs = match self.remote.map(&mut *take) {
            None => Theirs::default(),
            Some(Ok(outcome)) => Theirs::read(outcome),
            Some(Err(error)) if error.kind() == ErrorKind::ToolInputRequired => {
                return Err(with_results(error, &ours(self.items, take)?)?);
            }
            Some(Err(error)) => Theirs { failure: Some(error.to_string()), ..Theirs::default() },
        };
        let mut results: Vec<Object> = Vec::with_capacity(self.items.len());
        let mut failed = 0;
        for (index, (slug, place)) in self.items.into_iter().enumerate() {
            let mut entry = match place {
                Place::Here(step) => {
                    let outcome = take(step)?;
                    if alone {
                        return Ok(outcome);
                    }
                    entry(&slug, &outcome)?
                }
                Place::Backend => theirs.next(&slug)?,
            };
            failed += usize::from(is_failure(&entry));
            entry.insert("index".to_owned(), RawJson::encode(&index)?);
            results.push(entry);
        }
        let total = results.len();
        let mut data = theirs.data;
        data.insert("results".to_owned(), RawJson::encode(&results)?);
        data.insert("total_count".to_owned(), RawJson::encode(&total)?);
        data.insert("success_count".to_owned(), RawJson::encode(&(total - failed))?);
        data.insert("error_count".to_owned(), RawJson::encode(&failed)?);
        let error = match failed {
            0 => theirs.failure,
            _ => Some(format!("{failed} out of {total} tools failed")),
        };
        Ok(Outcome { data: RawJson::encode(&data)?, successful: error.is_none(), error, raw: None })
    }
}

/// The entries of what ran here, with their places in the request.
fn ours(items: Vec<(String, Place)>, take: &mut impl FnMut(Step) -> Result<Outcome>) -> Result<Vec<Object>> {
    let mut entries = Vec::new();
    for (index, (slug, place)) in items.into_iter().enumerate() {
        if let Place::Here(step) = place {
            let mut entry = entry(&slug, &take(step)?)?;
            entry.insert("index".to_owned(), RawJson::encode(&index)?);
            entries.push(entry);
        }
    }
    Ok(entries)
}

impl Theirs {
    fn read(outcome: Outcome) -> Self {
        let mut data: Object = outcome.data.decode("data").unwrap_or_default();
        let results: Option<Vec<Object>> =
            data.shift_remove("results").and_then(|results| results.decode("results").ok());
        let failure = (!outcome.successful)
            .then(|| outcome.error.unwrap_or_else(|| "the backend's part of the tools failed".to_owned()));
        Self { results: results.unwrap_or_default(), data, failure }
    }

    /// The next item's entry, or a failure where the backend has none for it. Entries come in the order of the
    /// request, but one that names another tool is that other's.
    fn next(&mut self, slug: &str) -> Result<Object> {
        let fits = |entry: &Object| match entry.get("tool_slug").map(|named| named.decode::<String>("tool_slug")) {
            Some(Ok(named)) => named.eq_ignore_ascii_case(slug),
            _ => true,
        };
        if let Some(place) = self.results.iter().position(fits) {
            return Ok(self.results.remove(place));
        }
        let reason = self.failure.as_deref().unwrap_or("the backend did not answer for this tool");
        entry(slug, &Outcome::failed(reason))
    }
}

/// An entry in the backend's own format.
fn entry(slug: &str, outcome: &Outcome) -> Result<Object> {
    #[derive(Serialize)]
    struct Response<'a> {
        successful: bool,
        data: &'a RawJson,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
    }
    let error = outcome.error.as_deref();
    let response = Response { successful: outcome.successful, data: &outcome.data, error };
    let mut entry = Object::new();
    entry.insert("tool_slug".to_owned(), RawJson::encode(slug)?);
    entry.insert("response".to_owned(), RawJson::encode(&response)?);
    if let Some(error) = error {
        entry.insert("error".to_owned(), RawJson::encode(error)?);
    }
    Ok(entry)
}

fn is_failure(entry: &Object) -> bool {
    entry.get("response").is_some_and(has_failed)
        || entry.get("error").is_some_and(|error| !matches!(error.as_str(), "null" | "\"\""))
}
