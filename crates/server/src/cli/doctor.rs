//! `composio doctor`

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use anstyle::Style;
use clap::Args;
use composio_contract::{Backend as _, Error, ErrorKind, Result};
use composio_router::{Router, RouterConfig};
use composio_vault::private;
use serde_json::{Value, json};

use super::progress::Progress;
use super::{Place, say, table};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Prints a list of objects.
    #[arg(long)]
    json: bool,
}

/// What was looked at, and what was found.
struct Finding {
    subject: String,
    found: std::result::Result<String, Error>,
}

/// Collects findings.
#[derive(Default)]
struct Report(Vec<Finding>);

impl Report {
    /// Notes a finding; none where it is a bad one.
    fn note<T>(&mut self, subject: &str, found: Result<T>, say: impl FnOnce(&T) -> String) -> Option<T> {
        let (found, value) = match found {
            Ok(value) => (Ok(say(&value)), Some(value)),
            Err(error) => (Err(error), None),
        };
        self.0.push(Finding { subject: subject.to_owned(), found });
        value
    }
}

pub(super) async fn run(place: &Place, arguments: &Arguments) -> Result<ExitCode> {
    let mut report = Report::default();
    examine(place, &mut report).await;
    if arguments.json {
        say(&format!("{}\n", Value::Array(report.0.iter().map(object).collect())))?;
    } else {
        let rows: Vec<[String; 3]> = report.0.iter().map(row).collect();
        let found = |row: usize| report.0.get(row).is_some_and(|finding| finding.found.is_ok());
        say(&table::styled(&rows, |row, column| match (column, found(row)) {
            (0, true) => table::GOOD,
            (0, false) => table::BAD,
            _ => Style::new(),
        }))?;
    }
    Ok(if report.0.iter().all(|finding| finding.found.is_ok()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Each check is worth doing only where the one before it went well.
async fn examine(place: &Place, report: &mut Report) {
    let Some(config) = report.note("configuration", place.load(), |_| "can be read".to_owned()) else { return };
    // Before the database is opened, which narrows the modes of the files.
    report.note("modes", modes(&config), |()| "the data is its owner's alone".to_owned());
    let Some((store, _)) = report.note("database", place.store().await, |(_, location)| location.to_string()) else {
        return;
    };
    let unsandboxed = unsandboxed(&config);
    let router = Router::builder().config(config).store(Arc::clone(&store)).build();
    let Some(router) = report.note("router", router, |router| format!("data in {}", router.data_dir().display()))
    else {
        return;
    };
    report.note("signing key", router.check_signing_key().await, |()| "signs tokens and URLs of files".to_owned());
    report.note("keys", keys(&router).await, Clone::clone);
    let loaded = {
        let progress = Progress::bar("asking the toolkits", router.toolkit_count());
        router.load_toolkits(|| progress.step()).await
    };
    for (toolkit, tools) in loaded {
        let left_out = router.left_out(&toolkit);
        report.note(&format!("toolkit {toolkit}"), tools, |count| match left_out.count() {
            0 => format!("tools: {count}"),
            others => {
                let more = if others > left_out.reasons().len() { "; …" } else { "" };
                format!("tools: {count}, left out: {others} ({}{more})", left_out.reasons().join("; "))
            }
        });
    }
    if !unsandboxed.is_empty() {
        let rights = "can read and change what this user can; see `run_as` and `sandbox`";
        report.note("MCP servers", Ok(unsandboxed.join(", ")), |names| {
            format!("without a sandbox: {names}; they {rights}")
        });
    }
    for (toolkit, count) in held(&router) {
        let error =
            Error::new(ErrorKind::Configuration, format!("tools that are held because they have changed: {count}"))
                .with_suggested_fix(format!(
                    "read `composio tools diff {toolkit}`, then accept them with `composio tools trust {toolkit} --all`"
                ));
        report.note::<()>(&format!("pins {toolkit}"), Err(error), |()| String::new());
    }
    report.note("end", router.close().await, |()| "everything could be closed".to_owned());
}

/// The MCP servers that run as programs of this machine with all the rights of the router's user.
fn unsandboxed(config: &RouterConfig) -> Vec<String> {
    let servers =
        config.mcp.iter().filter(|mcp| mcp.command.is_some() && mcp.run_as.is_none() && mcp.sandbox.is_none());
    servers.map(|mcp| mcp.slug.clone()).collect()
}

/// How many tools are held, by toolkit.
fn held(router: &Router) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for tool in router.held_tools() {
        *counts.entry(tool.toolkit).or_default() += 1;
    }
    counts
}

/// Refuses what others than the owner may do with the data folder and the files that hold secrets.
fn modes(config: &RouterConfig) -> Result<()> {
    let (mut wide, mut folders, mut files) = (Vec::new(), String::new(), String::new());
    for path in config.private_paths()? {
        let mode = private::wider_mode(&path).map_err(|error| {
            let message = format!("{} cannot be looked at: {error}", path.display());
            Error::new(ErrorKind::Configuration, message).with_source(error)
        })?;
        if let Some(mode) = mode {
            wide.push(format!("{} has mode {mode:03o}", path.display()));
            let list = if path.is_dir() { &mut folders } else { &mut files };
            list.push_str(&format!(" {}", path.display()));
        }
    }
    if wide.is_empty() {
        return Ok(());
    }
    let commands = [("chmod 700", folders), ("chmod 600", files)];
    let commands: Vec<String> = commands
        .iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(command, list)| format!("`{command}{list}`"))
        .collect();
    let message = format!("other users of this machine may get at the router's data: {}", wide.join(", "));
    Err(Error::new(ErrorKind::Configuration, message).with_suggested_fix(format!(
        "run {}; if anybody may have read the files, run `composio keys rotate-signing` and `composio accounts rotate-key` too",
        commands.join(" and ")
    )))
}

async fn keys(router: &Router) -> Result<String> {
    let mut active = 0_u32;
    for key in router.store().keys().await?.into_iter().filter(|key| key.revoked_at.is_none()) {
        router.in_project(key.project)?;
        active += 1;
    }
    Ok(match active {
        0 => "none; only programs on this machine could be served".to_owned(),
        count => format!("{count} in use"),
    })
}

fn row(finding: &Finding) -> [String; 3] {
    let (mark, text) = match &finding.found {
        Ok(text) => ("ok", text.clone()),
        Err(error) => ("BAD", error.to_string()),
    };
    [mark.to_owned(), finding.subject.clone(), text]
}

fn object(finding: &Finding) -> Value {
    let error = finding.found.as_ref().err();
    json!({
        "subject": finding.subject,
        "ok": error.is_none(),
        "message": finding.found.as_ref().map_or_else(|error| error.message().to_owned(), Clone::clone),
        "suggested_fix": error.and_then(Error::suggested_fix),
    })
}
