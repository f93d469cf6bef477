//! A session's MCP endpoint: its tools for any MCP client.
//!
//! Nothing of a session is kept in a connection: each request says in its URL which session it is for and brings what
//! lets it in, and each call goes to the router in that project. What the older revisions of the protocol keep between
//! requests, a client's capabilities and the streams to it, is bound to the session of the URL it began at.

mod handler;
mod http;
mod outcome;
mod questions;
mod stdio;
mod target;
mod tools;

pub(crate) use http::{Endpoint, answer};
pub(crate) use stdio::converse;

/// Where a session is served.
pub(crate) const PATH: &str = "/tool_router/{session_id}/mcp";

/// The path of one session's endpoint. The ids that the router makes need no escaping.
pub(crate) fn path(session_id: &str) -> String {
    PATH.replace("{session_id}", session_id)
}
