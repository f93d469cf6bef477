//! A server's list of tools, page by page, within bounds: a list may have no end.

use std::collections::HashSet;

use rmcp::model::{ClientRequest, ListToolsRequest, PaginatedRequestParams, ServerResult, Tool};
use rmcp::service::{PeerRequestOptions, RoleClient};
use rmcp::{Peer, ServiceError};
use serde_json::Value;
use tokio::runtime::Handle;

use super::config::McpServerConfig;
use super::{Abandoned, tools};
use crate::left_out::LeftOut;
use crate::text;

/// How many tools a server may list.
const MAX_TOOLS: usize = 10_000;

/// How many bytes its list may have, as JSON text.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// On how many pages.
const MAX_PAGES: usize = 200;

/// Why a list was not read to its end.
pub(super) enum ListError {
    Service(ServiceError),
    /// What is wrong with the list, to come after the server's name.
    Bad(String),
}

/// All tools that a server lists, and those that cannot be read.
pub(super) async fn list_tools(
    config: &McpServerConfig,
    peer: &Peer<RoleClient>,
    runtime: &Handle,
) -> Result<(Vec<Tool>, LeftOut), ListError> {
    let mut left_out = LeftOut::default();
    let (mut all, mut seen, mut bytes, mut cursor) = (Vec::new(), HashSet::new(), 0_usize, None::<String>);
    let (mut count, mut pages) = (0_usize, 0_usize);
    loop {
        let page = Page::of(ask(peer, cursor.take(), runtime).await.map_err(ListError::Service)?)?;
        pages += 1;
        bytes = bytes.saturating_add(page.bytes);
        count = count.saturating_add(page.tools.len());
        if count > MAX_TOOLS {
            return Err(bad(format!("lists more than {MAX_TOOLS} tools, the most that a server may have")));
        }
        if bytes > MAX_BYTES {
            let most = MAX_BYTES / (1024 * 1024);
            return Err(bad(format!("has a list of tools of more than {most} MiB, the most that it may have")));
        }
        for (name, tool) in page.tools {
            match tool {
                Ok(tool) => all.push(tool),
                Err(why) => left_out.note(&config.slug, &name, why),
            }
        }
        let Some(next) = page.next else { return Ok((all, left_out)) };
        if pages == MAX_PAGES {
            return Err(bad(format!("has a list of tools of more than {MAX_PAGES} pages, the most that it may have")));
        }
        if !seen.insert(next.clone()) {
            let shown = text::name(&next);
            return Err(bad(format!("gave the cursor {shown:?} twice, so that its list of tools has no end")));
        }
        cursor = Some(next);
    }
}

fn bad(what: String) -> ListError {
    ListError::Bad(what)
}

async fn ask(peer: &Peer<RoleClient>, cursor: Option<String>, runtime: &Handle) -> Result<ServerResult, ServiceError> {
    let params = cursor.map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
    let request = ClientRequest::ListToolsRequest(ListToolsRequest { params, ..ListToolsRequest::default() });
    let handle = peer.send_cancellable_request(request, PeerRequestOptions::no_options()).await?;
    let mut abandoned = Abandoned { request: Some((peer.clone(), handle.id.clone())), runtime };
    let answer = handle.await_response().await;
    abandoned.request = None;
    answer
}

struct Page {
    /// Each with its name, or with what is there in its place.
    tools: Vec<(String, Result<Tool, String>)>,
    bytes: usize,
    next: Option<String>,
}

impl Page {
    fn of(result: ServerResult) -> Result<Self, ListError> {
        match result {
            ServerResult::ListToolsResult(result) => {
                let bytes = text::json_size(&result.tools);
                let tools = result.tools.into_iter().map(|tool| (tool.name.to_string(), Ok(tool))).collect();
                Ok(Self { tools, bytes, next: result.next_cursor.filter(|cursor| !cursor.is_empty()) })
            }
            // A single tool that does not fit makes the library take the whole page for something else.
            ServerResult::CustomResult(result) => Self::untyped(result.0),
            _ => Err(bad("answered the request for its tools with something else".to_owned())),
        }
    }

    fn untyped(mut result: Value) -> Result<Self, ListError> {
        let bytes = text::json_size(&result);
        let Some(Value::Array(items)) = result.get_mut("tools").map(Value::take) else {
            return Err(bad("answered the request for its tools without a list of `tools`".to_owned()));
        };
        let named = |item: Value| {
            let name = item.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            (name, tools::read(item))
        };
        let next = result.get("nextCursor").and_then(Value::as_str).filter(|cursor| !cursor.is_empty());
        Ok(Self { bytes, next: next.map(str::to_owned), tools: items.into_iter().map(named).collect() })
    }
}
