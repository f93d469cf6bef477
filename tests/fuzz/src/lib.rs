//! What is fuzzed. Each target takes any bytes and panics where the program does not keep its word.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a target stops where a promise is broken"
)]

mod bodies;
mod config;
mod documents;
mod mutate;
mod schemas;
mod upstream;

pub use bodies::{json_body, mcp_message, signed_text};
pub use config::composio_toml;
pub use documents::openapi_document;
pub use mutate::mutations;
pub use schemas::schema;
pub use upstream::mcp_server;
