//! The router from outside, over sources made for the tests.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may stop at the first error")]

mod approvals;
mod changing;
mod common;
mod config;
mod contract;
mod database;
mod execute;
mod faults;
mod identity;
mod meta;
mod mount;
mod postgres;
mod projects;
mod record;
mod running;
mod served;
mod sessions;
mod signing;
mod sqlite;
mod store;
