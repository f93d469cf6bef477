//! The native module of `@composio/core`: the core as Node sees it. Each function lifts its arguments, calls the core,
//! and lowers the reply; the TypeScript on top gives it JavaScript's shapes. JSON crosses as text.

// What `#[napi]` generates speaks Node-API; nothing written here is unsafe.
#![allow(unsafe_code, reason = "the code that napi generates")]

mod client;
mod convert;
mod errors;
mod provider;
mod runtime;
mod session;

use std::alloc::System;

use composio_contract::RawJson;
use napi_derive::napi;
use zeroizing_alloc::ZeroAlloc;

use crate::convert::parse;
use crate::errors::{Result, guard};

/// Overwrites what is freed: the libraries that send and receive a credential keep copies of it that nothing else clears.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// Every kind of error, for the check that each has a class.
#[napi]
pub fn error_kinds() -> Vec<&'static str> {
    composio_contract::ErrorKind::ALL.iter().map(|kind| kind.name()).collect()
}

/// Checks and completes the definition of a custom tool, both as JSON.
#[napi]
pub fn define_tool(draft: String) -> Result<String> {
    let draft = parse(draft)?;
    let definition = guard(|| RawJson::encode(&composio_core::custom::define(&draft)?))?;
    Ok(definition.as_str().to_owned())
}

/// Runs the program `composio` with these arguments, of which the first is its name; gives its exit code.
#[napi]
pub fn run_program(arguments: Vec<String>) -> Result<u32> {
    let arguments = arguments.into_iter().map(Into::into).collect();
    guard(|| composio_binding::run_program(arguments).map(u32::from))
}
