//! The embedded router for everyone else: the v3.1 contract over HTTP.
//!
//! [`App`] puts a [`Router`](composio_router::Router) behind the paths of the contract, so that any client of the hosted
//! backend works against it by changing one URL; [`serve`] answers connections until it is told to stop. Nothing of the
//! contract is implemented here: a request is read, given to the router in the project of the caller's key, and the
//! reply's text is sent as it is. Each session is an endpoint for MCP clients too, by the same calls.
//!
//! What surrounds that is here: keys ([`keys`]), limits ([`Options`]), the check of `Host` and `Origin`, request ids,
//! logs and metrics. [`cli`] is the program `composio`.

mod access;
mod app;
pub mod cli;
mod connections;
mod contract;
mod edge;
mod extract;
mod host;
pub mod keys;
mod listen;
mod loopback;
mod mcp;
mod metrics;
mod options;
mod pace;
mod problem;
mod routes;
mod shares;
mod trace;

pub use app::App;
pub use listen::serve;
pub use loopback::Loopback;
pub use options::{Options, PublicUrl};
