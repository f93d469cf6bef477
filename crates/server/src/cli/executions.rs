//! `composio log`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use composio_contract::{Error, ErrorKind, Result};
use composio_router::Project;
use composio_router::store::{LogEntry, LogQuery, Prune, RunStatus, Store, prune_all, shrink_all};
use serde_json::{Value, json};

use super::{Place, ago, check_lasts, moment, say, table, time};

/// Entries that are read at a time.
const PAGE: u64 = 1_000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whose entries.
    #[arg(long, global = true, default_value = "default", value_parser = Project::new)]
    project: Project,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists entries of the execution log, the newest first.
    List {
        #[command(flatten)]
        filter: Filter,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Prints a list of objects.
        #[arg(long)]
        json: bool,
    },
    /// Prints one entry.
    Show {
        /// The entry's id, as a reply's `log_id` has it.
        id: String,
        /// Prints an object.
        #[arg(long)]
        json: bool,
    },
    /// Prints entries as JSON lines, an object each, the oldest first.
    Export {
        #[command(flatten)]
        filter: Filter,
        /// Changes nothing: it is JSON either way.
        #[arg(long)]
        json: bool,
    },
    /// Removes entries, also while a server runs.
    #[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
    Prune {
        /// Those of calls that began longer ago, such as `30d` or `12h`.
        #[arg(long, value_name = "AGE", value_parser = ago, group = "what")]
        older_than: Option<i64>,
        /// The oldest beyond so many.
        #[arg(long, value_name = "COUNT", group = "what")]
        keep: Option<u64>,
        /// Only says how many there are.
        #[arg(long)]
        dry_run: bool,
        /// Prints an object.
        #[arg(long)]
        json: bool,
    },
}

/// Which entries.
#[derive(Debug, Args)]
struct Filter {
    /// Those of this session.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Those of this user.
    #[arg(long)]
    user: Option<String>,
    /// Those of this tool.
    #[arg(long, value_name = "SLUG")]
    tool: Option<String>,
    /// Those that ended so, or that have not.
    #[arg(long, value_parser = status)]
    status: Option<RunStatus>,
    /// Those of calls that began then or later: a time or date of RFC 3339, or an age such as `30d` or `12h`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<i64>,
    /// Those of calls that began before.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<i64>,
}

fn status(text: &str) -> std::result::Result<RunStatus, String> {
    RunStatus::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = RunStatus::ALL.into_iter().map(RunStatus::name).collect();
        format!("it is none of {}", names.join(", "))
    })
}

impl Filter {
    fn query(self, project: Project, limit: u64) -> LogQuery {
        LogQuery {
            session_id: self.session,
            user_id: self.user,
            tool_slug: self.tool.map(|slug| slug.to_uppercase()),
            status: self.status,
            since: self.since,
            until: self.until,
            ..LogQuery::newest(project, limit)
        }
    }
}

pub(super) async fn run(place: &Place, arguments: Arguments) -> Result<ExitCode> {
    let (store, location) = place.store().await?;
    check_lasts(&location, "log entry")?;
    let store = store.as_ref();
    match arguments.command {
        Command::List { filter, limit, json } => {
            let entries = store.find_log(&filter.query(arguments.project, limit.into())).await?;
            if json {
                return say(&format!("{}\n", Value::Array(entries.iter().map(object).collect())));
            }
            let mut rows = vec![["ID", "STARTED", "SECONDS", "STATUS", "USER", "TOOL", "ERROR"].map(str::to_owned)];
            rows.extend(entries.iter().map(row));
            say(&table::headed(&rows))
        }
        Command::Show { id, json } => {
            let query = LogQuery { id: Some(id.clone()), ..LogQuery::newest(arguments.project, 1) };
            let found = store.find_log(&query).await?;
            let entry = found.first().ok_or_else(|| unknown(&id, &query.project))?;
            if json { say(&format!("{}\n", object(entry))) } else { say(&table::lines(&fields(entry))) }
        }
        Command::Export { filter, json: _ } => export(store, filter.query(arguments.project, PAGE)).await,
        Command::Prune { older_than, keep, dry_run, json } => {
            let project = arguments.project;
            let old = older_than.map(|before| Prune::LogBefore { project: project.clone(), before });
            let beyond = keep.map(|rows| Prune::LogBeyond { project: project.clone(), rows });
            prune(store, old.into_iter().chain(beyond), dry_run, ("entries", "log"), json).await
        }
    }
}

fn unknown(id: &str, project: &Project) -> Error {
    let message = format!("the project {project} has no log entry `{id}`");
    Error::new(ErrorKind::NotFound, message)
        .with_suggested_fix("give its project with `--project`, and look at `composio log list`")
}

/// Each page as soon as it is there: a log may be larger than what is free in memory.
async fn export(store: &dyn Store, mut query: LogQuery) -> Result<ExitCode> {
    query.oldest_first = true;
    loop {
        let entries = store.find_log(&query).await?;
        let lines: String = entries.iter().map(|entry| format!("{}\n", object(entry))).collect();
        let said = say(&lines)?;
        match entries.last() {
            Some(last) if entries.len() as u64 == query.limit => query.after = Some(last.id.clone()),
            _ => return Ok(said),
        }
    }
}

/// Removes rows, or counts those that would be. `names` are those of the rows for people and for programs.
pub(super) async fn prune(
    store: &dyn Store,
    all: impl Iterator<Item = Prune>,
    dry_run: bool,
    (people, program): (&str, &str),
    json: bool,
) -> Result<ExitCode> {
    let mut count = 0;
    for what in all {
        // What several ways to prune have in common is counted once.
        count = if dry_run { store.count(&what).await?.max(count) } else { count + prune_all(store, &what).await? };
    }
    if !dry_run {
        shrink_all(store).await?;
    }
    if json {
        return say(&format!("{}\n", json!({"removed": {program: count}, "dry_run": dry_run})));
    }
    eprintln!("{count} {people} {}.", if dry_run { "would be removed" } else { "are removed" });
    Ok(ExitCode::SUCCESS)
}

fn seconds(entry: &LogEntry) -> String {
    match entry.status {
        RunStatus::Started | RunStatus::Interrupted => String::new(),
        _ => format!("{:.3}", entry.duration as f64 / 1e6),
    }
}

fn row(entry: &LogEntry) -> [String; 7] {
    let error = entry.error.as_deref().unwrap_or_default();
    let line = error.lines().next().unwrap_or_default();
    let error = match line.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    };
    let status = entry.status.name().to_owned();
    [
        entry.id.clone(),
        time(entry.started_at),
        seconds(entry),
        status,
        entry.user_id.clone(),
        entry.tool_slug.clone(),
        error,
    ]
}

fn fields(entry: &LogEntry) -> Vec<[String; 2]> {
    let fields = [
        ("id", entry.id.clone()),
        ("project", entry.project.to_string()),
        ("session", entry.session_id.clone()),
        ("user", entry.user_id.clone()),
        ("tool", entry.tool_slug.clone()),
        ("status", entry.status.name().to_owned()),
        ("error", entry.error.as_deref().unwrap_or_default().replace('\n', "; ")),
        ("started", time(entry.started_at)),
        ("seconds", seconds(entry)),
        ("arguments", format!("{} bytes, SHA-256 {}", entry.arguments_size, hex(&entry.arguments_hash))),
    ];
    fields.map(|(name, value)| [name.to_owned(), value]).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn object(entry: &LogEntry) -> Value {
    let has_ended = !matches!(entry.status, RunStatus::Started | RunStatus::Interrupted);
    json!({
        "id": entry.id,
        "project": entry.project.as_str(),
        "session_id": entry.session_id,
        "user_id": entry.user_id,
        "tool_slug": entry.tool_slug,
        "status": entry.status.name(),
        "error": entry.error,
        "arguments_size": entry.arguments_size,
        "arguments_sha256": hex(&entry.arguments_hash),
        "started_at": super::exact_time(entry.started_at),
        "duration_us": has_ended.then_some(entry.duration),
    })
}
