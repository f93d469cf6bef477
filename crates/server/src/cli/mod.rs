//! The program `composio`.

mod accounts;
mod config;
mod doctor;
mod executions;
mod keys;
mod lines;
mod log;
mod mcp;
mod openapi;
mod pages;
mod pins;
mod progress;
mod serve;
mod sessions;
mod table;
mod tools;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use composio_contract::{Error, ErrorKind, Result};
use composio_router::RouterConfig;
use composio_router::store::{self, Location, Store};
use secrecy::SecretString;
use tokio::runtime::Handle;

const EXIT_CODES: &str = "\
Exit codes:
  0  done; also where `serve` or `mcp` was told to stop, by SIGINT or SIGTERM
  1  it failed, or a check found something wrong; standard error says what. Also where a second signal came
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
    /// The database, in place of the configuration's: a SQLite file, or a postgres:// URL. Other users of this machine
    /// can read a command line, so a URL with a password is better off in the environment variable.
    #[arg(long, global = true, value_name = "FILE|URL", env = "COMPOSIO_DATABASE", hide_env_values = true, value_parser = secret)]
    database: Option<SecretString>,
}

/// Takes every text: clap would print one that it refuses.
fn secret(text: &str) -> std::result::Result<SecretString, std::convert::Infallible> {
    Ok(text.into())
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the v3.1 contract over HTTP.
    Serve(Box<serve::Arguments>),
    /// Serves one session to the MCP client that starts this program, over standard input and output.
    Mcp(mcp::Arguments),
    /// Makes, lists and revokes the keys that let callers in, and rotates the key that tokens and URLs are signed with.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Lists, shows, deletes and prunes sessions, and makes tokens for them.
    Sessions(sessions::Arguments),
    /// Lists, shows, exports and removes entries of the execution log.
    Log(executions::Arguments),
    /// Lists connected accounts, and rotates the master key of their credentials.
    #[command(subcommand)]
    Accounts(accounts::Command),
    /// Lists the toolkits.
    Toolkits(tools::Toolkits),
    /// Finds, shows and runs tools, and accepts changed ones.
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
    /// Prints a script that makes a shell complete commands and options.
    Completions(pages::Completions),
    /// Prints a manual page, for `man -l -`, or writes all of them.
    Man(pages::Pages),
}

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::from(run_with(std::env::args_os()))
}

/// Runs the program with these arguments, of which the first is its own name, and answers its exit code.
///
/// It takes the standard streams and, where it serves, SIGINT and SIGTERM of the process, as one that is the program does.
/// It leaves nothing behind but what the process has once: the log, the handlers of those signals, and, on Linux, that other
/// programs of the same user cannot read the process (`PR_SET_DUMPABLE`).
pub fn run_with<T: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = T>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(told) => {
            // What cannot be told is told by the code alone.
            let _ = told.print();
            return u8::try_from(told.exit_code()).unwrap_or(2);
        }
    };
    let done = keep_to_itself().and_then(|()| runtime()).and_then(|runtime| {
        let done = runtime.block_on(run(cli));
        // A read of standard input that is under way cannot be stopped; it is not waited for.
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(code) if code == ExitCode::SUCCESS => 0,
        Ok(_) => 1,
        Err(error) => {
            complain(&error);
            1
        }
    }
}

/// Keeps what this process has in its memory, environment and open files from other programs of the same user, so from the MCP
/// servers that it starts: none of them can read it at `/proc` or attach to it. The system writes no core dump either.
fn keep_to_itself() -> Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).map_err(|error| {
        Error::new(ErrorKind::Internal, format!("other programs cannot be kept from reading this process: {error}"))
            .with_source(error)
    })?;
    Ok(())
}

fn complain(error: &Error) {
    let style = table::BAD;
    anstream::eprintln!("{style}error:{style:#} {}", table::harmless(error.message()));
    if let Some(fix) = error.suggested_fix() {
        anstream::eprintln!("  fix: {}", table::harmless(fix));
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
        Command::Serve(arguments) => serve::run(&cli.place, *arguments).await,
        Command::Mcp(arguments) => mcp::run(&cli.place, arguments).await,
        Command::Keys(command) => keys::run(&cli.place, command).await,
        Command::Sessions(arguments) => sessions::run(&cli.place, arguments).await,
        Command::Log(arguments) => executions::run(&cli.place, arguments).await,
        Command::Accounts(command) => accounts::run(&cli.place, command).await,
        Command::Toolkits(arguments) => tools::list_toolkits(&cli.place, arguments).await,
        Command::Tools(command) => tools::run(&cli.place, command).await,
        Command::Config(command) => config::run(&cli.place, &command),
        Command::Openapi(command) => openapi::run(command),
        Command::Doctor(arguments) => doctor::run(&cli.place, &arguments).await,
        Command::Completions(arguments) => pages::completions(&arguments),
        Command::Man(arguments) => pages::man(&arguments),
    }
}

impl Place {
    fn load(&self) -> Result<RouterConfig> {
        let mut config = RouterConfig::load(self.config.as_deref())?;
        if let Some(folder) = &self.data {
            config.router.data_dir = Some(folder.clone());
        }
        if let Some(database) = &self.database {
            config.router.database = Some(database.clone());
        }
        Ok(config)
    }

    /// The store, connected, and where it lies.
    async fn store(&self) -> Result<(Arc<dyn Store>, Location)> {
        let location = self.load()?.database()?;
        let store = store::open(&location, &Handle::current())?;
        store.ping().await?;
        Ok((store, location))
    }
}

/// Refuses a database in memory, for what is of no use there.
fn check_lasts(location: &Location, what: &str) -> Result<()> {
    if *location != Location::Memory {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Configuration,
        format!("the database is in memory, where no {what} outlives the program"),
    )
    .with_suggested_fix("set `router.database` to a file or a postgres:// URL"))
}

/// Writes to standard output, colours only where that is a terminal which has them. Whoever reads it may have enough before the
/// end, as `head` has.
fn say(text: &str) -> Result<ExitCode> {
    let mut output = anstream::stdout().lock();
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

/// The same to a millisecond.
fn exact_time(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

/// The time, milliseconds since 1970, of an age such as `30d`, `12h`, `15m` or `90s`.
fn ago(text: &str) -> std::result::Result<i64, String> {
    let unit = |seconds: i64| (text.get(..text.len().saturating_sub(1)).unwrap_or_default(), seconds);
    let (count, seconds) = match text.chars().next_back() {
        Some('s') => unit(1),
        Some('m') => unit(60),
        Some('h') => unit(3_600),
        Some('d') => unit(86_400),
        Some('w') => unit(604_800),
        _ => return Err("it is no age; give one such as `30d`, `12h` or `15m`".to_owned()),
    };
    let count: u32 = count.parse().map_err(|_| "it is no age; give one such as `30d`, `12h` or `15m`".to_owned())?;
    let now = jiff::Timestamp::now().as_millisecond();
    Ok(now.saturating_sub(i64::from(count).saturating_mul(seconds).saturating_mul(1_000)))
}

/// A time, milliseconds since 1970: RFC 3339, a date in UTC, or an age.
fn moment(text: &str) -> std::result::Result<i64, String> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time.as_millisecond());
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|error| error.to_string())?;
        return Ok(midnight.timestamp().as_millisecond());
    }
    ago(text).map_err(|_| "it is no time; give one such as `2026-12-01`, `2026-12-01T10:00:00Z` or `30d`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let day = moment("2026-12-01").unwrap();
        assert_eq!(moment("2026-12-01T10:00:00Z").unwrap() - day, 36_000_000);
        let now = jiff::Timestamp::now().as_millisecond();
        for (text, seconds) in [("90s", 90), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000), ("1w", 604_800)] {
            let age = now - moment(text).unwrap();
            assert!((seconds * 1_000 - 5_000..=seconds * 1_000).contains(&age), "{text}: {age}");
        }
        for text in ["", "d", "-1d", "1.5h", "30", "ü", "30x"] {
            assert!(ago(text).is_err() && moment(text).is_err(), "{text}");
        }
    }
}
