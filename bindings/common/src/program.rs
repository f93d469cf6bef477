//! The program `composio`, for packages that bring it along.

use std::ffi::OsString;

use composio_contract::Result;

/// Runs the program with these arguments, of which the first is its name; gives its exit code.
///
/// # Errors
/// [`ErrorKind::Unsupported`](composio_contract::ErrorKind::Unsupported) where this build has no server in it.
pub fn run_program(arguments: Vec<OsString>) -> Result<u8> {
    #[cfg(feature = "server")]
    return Ok(composio_server::cli::run_with(arguments));
    #[cfg(not(feature = "server"))]
    {
        use composio_contract::{Error, ErrorKind};

        let _ = arguments;
        Err(Error::new(ErrorKind::Unsupported, "this build has no embedded router, and so no program"))
    }
}
