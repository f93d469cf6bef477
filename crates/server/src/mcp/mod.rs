//! A session's MCP endpoint: its tools for any MCP client.
//!
//! Nothing of a session is kept in a connection: each request says in its URL which session it is for and brings what
//! lets it in, and each call goes to the router in that project. What the older revisions of the protocol keep between
//! requests, a client's capabilities and the streams to it, is bound to the session of the URL it began at.

mod changes;
mod clean;
mod handler;
mod hearing;
mod http;
mod outcome;
mod questions;
mod stdio;
mod target;
mod tools;
mod upstream;

pub(crate) use http::{Endpoint, answer, answer_for_toolkit};
pub(crate) use stdio::converse;

/// Where a session is served.
pub(crate) const PATH: &str = "/tool_router/{session_id}/mcp";

/// Where one toolkit of a session is served under the names that its source has for its tools, with the prompts, resources
/// and completions of the MCP server behind it.
pub(crate) const TOOLKIT_PATH: &str = "/tool_router/{session_id}/mcp/{toolkit}";

/// The path of one session's endpoint. The ids that the router makes need no escaping.
pub(crate) fn path(session_id: &str) -> String {
    PATH.replace("{session_id}", session_id)
}
