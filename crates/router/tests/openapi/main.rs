//! Toolkits from OpenAPI documents, against a real HTTP server.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may stop at the first error")]

mod api;
mod calls;
mod changed;
mod egress;
mod guard;
mod raw;
