//! Connected accounts, against a real OAuth server: the npm package `oidc-provider`, on this machine. It is installed by
//! `tests/mcp-servers/install.sh`.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may stop at the first error")]

mod key;
mod oauth;
mod openapi;
mod support;
mod tenancy;
