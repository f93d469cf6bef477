//! Whether arguments fit their tool's schema. Both may come from strangers, so that no check may hold up other calls.

use std::sync::Arc;

use composio_contract::{Error, ErrorKind, Result};
use composio_schema::{BadSchema, Schema};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::catalog::CatalogTool;
use crate::record::WrongArguments;

/// A schema with a longer text takes too long to compile on an async worker.
const QUICK_TO_COMPILE: usize = 16 << 10;
/// How many checks that take long run at the same time, for all callers; the others wait.
static LONG_CHECKS: Semaphore = Semaphore::const_new(2);

/// Checks arguments; answers them with what is wrong with them, if anything is.
///
/// # Errors
/// [`ErrorKind::Internal`] if the check could not be run.
pub(crate) async fn check(tool: &Arc<CatalogTool>, arguments: Value) -> Result<(Value, Option<WrongArguments>)> {
    let is_quick = |validator: &std::result::Result<Schema, BadSchema>| {
        validator.as_ref().map_or(true, |schema| schema.is_quick(&arguments))
    };
    if tool.compiled().map_or_else(|| is_quick_to_compile(tool.input_schema().as_str()), is_quick)
        && is_quick(tool.validator())
    {
        let problems = problems(tool, &arguments);
        return Ok((arguments, problems));
    }
    // The semaphore is never closed.
    let place = LONG_CHECKS.acquire().await;
    let tool = Arc::clone(tool);
    let checked = tokio::task::spawn_blocking(move || {
        // Kept to the end of the check: a caller that leaves does not stop it.
        let _place = place;
        let problems = problems(&tool, &arguments);
        (arguments, problems)
    });
    checked.await.map_err(|error| {
        Error::new(ErrorKind::Internal, "the check of a tool's arguments ended early").with_source(error)
    })
}

fn is_quick_to_compile(schema: &str) -> bool {
    // A pattern is short and may be large all the same.
    schema.len() <= QUICK_TO_COMPILE && !schema.contains("\"pattern")
}

fn problems(tool: &CatalogTool, arguments: &Value) -> Option<WrongArguments> {
    match tool.validator() {
        Ok(schema) => {
            let wrong = |invalid| WrongArguments::new(&invalid, &tool.definition.input_schema);
            schema.check(arguments).err().map(wrong)
        }
        Err(error) if error.is_too_complex() => {
            Some(WrongArguments::unknown(format!("they cannot be checked: {error}")))
        }
        // The source checks them itself.
        Err(_) => None,
    }
}
