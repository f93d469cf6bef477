//! The embedded tool router: toolkits, search, execution and storage in one process, with no key, account or network.
//!
//! [`Router`] answers every call of the v3.1 contract over a set of [`source::Source`]s, one a toolkit. A call goes
//! through the session's policy, its argument schema, the user's approval where one is demanded, and the limits, and ends
//! in the execution log.

pub mod accounts;
mod approval;
mod arguments;
mod backend;
mod bounded;
pub mod builtin;
mod catalog;
mod changes;
mod clock;
pub mod config;
mod custom;
mod execute;
mod fingerprint;
mod hidden;
mod keys;
mod left_out;
mod listing;
pub mod mcp;
mod meta;
mod mount;
mod named;
mod names;
pub mod openapi;
mod page;
mod pins;
mod policy;
mod project;
mod prompt;
mod proxy;
mod question;
mod quota;
mod record;
mod retention;
mod router;
mod rules;
mod session_server;
mod sessions;
mod settings;
mod signer;
pub mod slug;
pub mod source;
mod sources;
pub mod store;
pub mod text;
mod ticket;
mod token;
mod upstream;
pub mod workspace;
mod workspaces;

pub use changes::ListingState;
pub use config::RouterConfig;
pub use fingerprint::definition_hash;
pub use left_out::LeftOut;
pub use mount::Upload;
pub use pins::HeldTool;
pub use project::Project;
pub use quota::Quotas;
pub use retention::Pruned;
pub use router::{Router, RouterBuilder};
pub use session_server::SessionServer;
pub use sessions::SETTING_NOT_CHECKED;
pub use ticket::FILE_URL_SCHEME;
pub use token::SessionToken;
pub use upstream::{NamedTool, Upstream};

/// The Rust programs of the README run as they are written.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
