//! The server from outside, over real connections.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may stop at the first error")]

mod access;
mod client;
mod common;
mod contract;
mod faults;
mod files;
mod isolation;
mod limits;
mod loopback;
mod mcp;
mod openapi;
mod passing;
mod program;
mod system;
mod traces;
