//! The server from outside, over real connections.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may stop at the first error")]

mod access;
mod client;
mod common;
mod contract;
mod files;
mod isolation;
mod limits;
mod mcp;
mod openapi;
mod program;
mod system;
