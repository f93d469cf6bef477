//! What is fuzzed. Each target takes any bytes and panics where the program does not keep its word.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a target stops where a promise is broken"
)]

mod bodies;
mod config;
mod mutate;

pub use bodies::json_body;
pub use config::composio_toml;
pub use mutate::mutations;
