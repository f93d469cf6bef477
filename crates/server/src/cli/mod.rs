//! The program `composio`.

mod config;
mod doctor;
mod keys;
mod log;
mod mcp;
mod openapi;
mod serve;
mod sessions;
mod table;
mod tools;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use composio_contract::{Error, ErrorKind, Result};
use composio_router::RouterConfig;
use composio_router::store::{SqliteStore, Store};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it failed, or a check found something wrong; standard error says what
  2  the command line is wrong";

/// The tool router for every program on this machine, and for others: sessions, search and tools over HTTP.
#[derive(Debug, Parser)]
#[command(name = "composio", version, after_help = EXIT_CODES, max_term_width = 120)]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

/// Which configuration and which data.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The configuration; else the file that COMPOSIO_CONFIG names, else ./composio.toml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the router's data, in place of the configuration's.
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the v3.1 contract over HTTP.
    Serve(serve::Arguments),
    /// Serves one session to the MCP client that starts this program, over standard input and output.
    Mcp(mcp::Arguments),
    /// Makes, lists and revokes the keys that let callers in.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Lists, shows and deletes sessions, and makes tokens for them.
    Sessions(sessions::Arguments),
    /// Lists the toolkits.
    Toolkits(tools::Toolkits),
    /// Finds, shows and runs tools.
    #[command(subcommand)]
    Tools(tools::Command),
    /// Checks a configuration, or prints its JSON Schema.
    #[command(subcommand)]
    Config(config::Command),
    /// Checks OpenAPI documents.
    #[command(subcommand)]
    Openapi(openapi::Command),
    /// Checks configuration, database, keys and toolkits, and says what to mend.
    Doctor(doctor::Arguments),
}

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = runtime().and_then(|runtime| {
        let done = runtime.block_on(run(cli));
        // A read of standard input that is under way cannot be stopped; it is not waited for.
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", error.message());
            if let Some(fix) = error.suggested_fix() {
                eprintln!("  fix: {fix}");
            }
            ExitCode::FAILURE
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(ErrorKind::Internal, format!("no runtime can be started: {error}")))
}

async fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Serve(arguments) => serve::run(&cli.place, arguments).await,
        Command::Mcp(arguments) => mcp::run(&cli.place, arguments).await,
        Command::Keys(command) => keys::run(&cli.place, command).await,
        Command::Sessions(arguments) => sessions::run(&cli.place, arguments).await,
        Command::Toolkits(arguments) => tools::list_toolkits(&cli.place, arguments).await,
        Command::Tools(command) => tools::run(&cli.place, command).await,
        Command::Config(command) => config::run(&cli.place, &command),
        Command::Openapi(command) => openapi::run(command),
        Command::Doctor(arguments) => doctor::run(&cli.place, &arguments).await,
    }
}

impl Place {
    fn load(&self) -> Result<RouterConfig> {
        let mut config = RouterConfig::load(self.config.as_deref())?;
        if let Some(folder) = &self.data {
            config.router.data_dir = Some(folder.clone());
        }
        Ok(config)
    }

    fn store(&self) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(SqliteStore::open(&self.load()?.database()?)?))
    }
}

/// Writes to standard output. Whoever reads it may have enough before the end, as `head` has.
fn say(text: &str) -> Result<ExitCode> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(ErrorKind::File, format!("standard output cannot be written: {error}")).with_source(error))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// A time of the store, for people and programs.
fn time(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| String::new(), |time| format!("{time:.0}"))
}
