//! `composio config`

use std::process::ExitCode;

use clap::Subcommand;
use composio_contract::Result;
use serde_json::json;

use super::{Place, say};

const SCHEMA: &str = include_str!("../../../router/composio.schema.json");

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Reads the configuration and says what is wrong with it, with line and column.
    Check {
        /// Prints an object.
        #[arg(long)]
        json: bool,
    },
    /// Prints the JSON Schema of composio.toml.
    Schema {
        /// Changes nothing: it is an object either way.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(place: &Place, command: &Command) -> Result<ExitCode> {
    match command {
        Command::Check { json } => {
            let folder = place.load()?.data_dir()?;
            if *json {
                return say(&format!("{}\n", json!({"ok": true, "data_dir": folder})));
            }
            say(&format!("The configuration is right. Its data lies in {}.\n", folder.display()))
        }
        Command::Schema { json: _ } => say(SCHEMA),
    }
}
