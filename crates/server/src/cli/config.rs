//! `composio config`

use std::process::ExitCode;

use clap::Subcommand;
use composio_contract::Result;

use super::{Place, say};

const SCHEMA: &str = include_str!("../../../router/composio.schema.json");

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Reads the configuration and says what is wrong with it, with line and column.
    Check,
    /// Prints the JSON Schema of composio.toml.
    Schema,
}

pub(super) fn run(place: &Place, command: &Command) -> Result<ExitCode> {
    match command {
        Command::Check => {
            let config = place.load()?;
            say(&format!("The configuration is right. Its data lies in {}.\n", config.data_dir()?.display()))
        }
        Command::Schema => say(SCHEMA),
    }
}
