//! The embedded tool router: toolkits, search, execution and storage in one process, with no key, account or network.

pub mod builtin;
pub mod mcp;
pub mod slug;
pub mod source;
pub mod workspace;
