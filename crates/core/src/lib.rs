//! Tool-router session logic and the HTTP backend.
//!
//! [`Client`] creates [`Session`]s over a [`composio_contract::Backend`]; what needs the caller's own code is pulled
//! through a [`Run`], never called from here.

mod accounts;
mod aliases;
mod auto_files;
mod client;
mod connection;
mod create;
pub mod custom;
mod file_options;
pub mod files;
pub mod fork;
mod http;
mod mcp;
mod multi;
mod options;
mod outcome;
pub mod provider;
mod proxy;
mod run;
mod session;
mod toolkits;
mod upload_guard;

pub use auto_files::{PendingUpload, UploadAnswer};
pub use client::Client;
pub use create::SESSION_PRESET_DIRECT_TOOLS;
pub use custom::CustomToolSet;
pub use file_options::{AutomaticFiles, FileOptions};
pub use files::{Files, Upload};
pub use http::HttpBackend;
pub use mcp::McpServer;
pub use options::{Choice, ClientOptions, DEFAULT_BASE_URL, HttpOptions};
pub use outcome::Outcome;
pub use run::{Call, LocalCall, LocalOutcome, Run, RunMode};
pub use session::Session;
pub use upload_guard::UploadGuard;
