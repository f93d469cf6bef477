//! Connected accounts, against a real OAuth server: the npm package `oidc-provider`, on this machine. It is installed by
//! `tests/mcp-servers/install.sh`.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may stop at the first error")]

mod away;
mod browser;
#[allow(dead_code, reason = "the router's tests use all of it")]
#[path = "../router/database.rs"]
mod database;
mod device;
mod key;
mod mcp;
mod oauth;
mod openapi;
mod outside;
mod postgres;
#[allow(dead_code, reason = "the router's tests use all of it")]
#[path = "../router/running.rs"]
mod running;
mod store;
mod support;
mod tenancy;
