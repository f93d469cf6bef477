//! The program `composio`.

use std::process::ExitCode;

fn main() -> ExitCode {
    composio_server::cli::main()
}
