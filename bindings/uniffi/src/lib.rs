//! The core as Kotlin and Swift see it. Each function lifts its arguments, calls the core, and lowers the reply; the
//! packages on top give it each language's shapes. JSON crosses as text, and custom tools are run by those packages.

// What `uniffi` generates crosses a C border; nothing written here is unsafe.
#![allow(unsafe_code, reason = "the code that uniffi generates")]
#![allow(clippy::result_large_err, reason = "uniffi takes errors by value")]

pub mod client;
pub mod convert;
pub mod errors;
pub mod provider;
pub mod runtime;
pub mod session;

use composio_contract::RawJson;

use crate::convert::parse;
use crate::errors::{NativeError, guard};

uniffi::setup_scaffolding!();

/// Every kind of error, for the check that each has a class.
#[uniffi::export]
pub fn error_kinds() -> Vec<String> {
    composio_contract::ErrorKind::ALL.iter().map(|kind| kind.name().to_owned()).collect()
}

/// Checks and completes the definition of a custom tool, both as JSON.
#[uniffi::export]
pub fn define_tool(draft: String) -> Result<String, NativeError> {
    let draft = parse(draft)?;
    let definition = guard(|| RawJson::encode(&composio_core::custom::define(&draft)?))?;
    Ok(definition.as_str().to_owned())
}
