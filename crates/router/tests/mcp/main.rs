//! MCP servers as sources of tools, against real servers and a small one that records what it is told.
//!
//! The servers are installed by `tests/mcp-servers/install.sh`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy.toml allows it in test functions, not in what they share"
)]

mod hints;
mod http;
mod lifecycle;
mod odd;
mod protocol;
mod sandbox;
mod servers;
mod support;
