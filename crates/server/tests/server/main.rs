//! The server from outside, over real connections.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may stop at the first error")]

mod access;
#[cfg(target_os = "linux")]
mod children;
mod client;
mod common;
mod contract;
#[allow(dead_code, reason = "the router's tests use all of it")]
#[path = "../../../router/tests/router/database.rs"]
mod database;
mod faults;
mod files;
mod isolation;
mod limits;
mod log;
mod loopback;
mod mcp;
mod openapi;
mod outside;
mod passing;
mod postgres;
mod program;
mod quota;
#[allow(dead_code, reason = "the router's tests use all of it")]
#[path = "../../../router/tests/router/running.rs"]
mod running;
mod system;
mod traces;
#[cfg(target_os = "linux")]
mod unprivileged;
