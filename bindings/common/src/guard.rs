//! Panics become errors: none may unwind into another language.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use composio_contract::{Error, ErrorKind, Result};
use futures_util::FutureExt;

/// Runs core code; a panic is an error of the kind `internal`.
///
/// # Errors
/// What the work says.
pub fn guard<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(from_panic(&*panic)))
}

/// The same for a future.
///
/// # Errors
/// What the work says.
pub async fn guarded<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Err(from_panic(&*panic)))
}

fn from_panic(panic: &(dyn Any + Send)) -> Error {
    let reason = (panic.downcast_ref::<&str>().copied())
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given");
    Error::new(ErrorKind::Internal, format!("defect in composio, please report it: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::panic, reason = "the point of the test")]
    fn a_panic_is_an_error_that_says_why() {
        let error = guard(|| -> Result<()> { panic!("the {}", "reason") }).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("defect in composio, please report it: the reason"));
    }
}
