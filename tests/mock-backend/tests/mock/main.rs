//! Tests of the mock itself, and of the vectors that it replays.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod matching;
mod support;
mod vectors;
