//! Custom tools: their definitions, the set that a session binds, and how a slug finds one.

mod definition;
mod set;

pub use definition::{Definition, define};
pub use set::CustomToolSet;
