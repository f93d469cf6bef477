//! `composio openapi`

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::Subcommand;
use composio_contract::{Error, ErrorKind, Result};
use composio_openapi::Document;
use composio_router::openapi::arguments;
use serde::Serialize;

use super::progress::Progress;
use super::{say, table};

/// Extensions of the files that are taken from a folder.
const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];
/// How deep folders are searched.
const MAX_DEPTH: usize = 32;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Reads OpenAPI documents with every operation in them, and says which can be a toolkit. Where one cannot, the exit code is 1.
    Check {
        /// Documents, or folders of them.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// How many are read at the same time; as many as there are processors where it is missing.
        #[arg(long, value_name = "N")]
        jobs: Option<NonZeroUsize>,
        /// Prints a list of objects.
        #[arg(long)]
        json: bool,
    },
}

/// What came of a document.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    path: PathBuf,
    result: Verdict,
    /// How many operations become tools.
    operations: usize,
    /// Those that do not, and why.
    left_out: Vec<LeftOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    milliseconds: u128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Loaded,
    /// The document is at fault, and `reason` says how.
    Refused,
    /// It could not be read, or this program is at fault.
    Failed,
}

#[derive(Clone, Debug, Serialize)]
struct LeftOut {
    operation: String,
    reason: String,
}

pub(super) fn run(command: Command) -> Result<ExitCode> {
    let Command::Check { paths, jobs, json } = command;
    let files = collect(&paths)?;
    let jobs = jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let findings = check_all(&files, jobs.min(files.len().max(1)));
    let count = |verdict| findings.iter().filter(|finding| finding.result == verdict).count();
    let (loaded, refused, failed) = (count(Verdict::Loaded), count(Verdict::Refused), count(Verdict::Failed));
    if json {
        let list = serde_json::to_string_pretty(&findings)
            .map_err(|error| Error::new(ErrorKind::Internal, "the list cannot be written").with_source(error))?;
        say(&format!("{list}\n"))?;
    } else {
        say(&lines(&findings))?;
    }
    eprintln!("{} documents: {loaded} loaded, {refused} refused, {failed} failed", findings.len());
    Ok(if refused + failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The documents below the paths, sorted. A file that is named is one, whatever its name.
fn collect(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let unreadable = |error: std::io::Error| {
            Error::new(ErrorKind::File, format!("{} cannot be read: {error}", path.display())).with_source(error)
        };
        if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
            let before = files.len();
            walk(path, 0, &mut files).map_err(unreadable)?;
            if files.len() == before {
                let message = format!("{} has no .json, .yaml or .yml file in it", path.display());
                return Err(Error::new(ErrorKind::File, message));
            }
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        // Links are not followed: they may go in a circle.
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < MAX_DEPTH {
            walk(&path, depth + 1, files)?;
        } else if kind.is_file()
            && path.extension().and_then(|name| name.to_str()).is_some_and(|name| EXTENSIONS.contains(&name))
        {
            files.push(path);
        }
    }
    Ok(())
}

fn check_all(files: &[PathBuf], jobs: usize) -> Vec<Finding> {
    let progress = Progress::bar("reading", files.len());
    let next = AtomicUsize::new(0);
    let findings: Mutex<Vec<Finding>> = Mutex::new(Vec::with_capacity(files.len()));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let finding = check(path);
                    findings.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(finding);
                    progress.step();
                }
            });
        }
    });
    drop(progress);
    let mut findings = findings.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    findings.sort_by(|one, other| one.path.cmp(&other.path));
    findings
}

fn check(path: &Path) -> Finding {
    let start = Instant::now();
    let mut finding = Finding {
        path: path.to_owned(),
        result: Verdict::Failed,
        operations: 0,
        left_out: Vec::new(),
        reason: None,
        milliseconds: 0,
    };
    match std::fs::read_to_string(path) {
        Err(error) => finding.reason = Some(format!("it cannot be read: {error}")),
        // A document that breaks this program must not hide what is to be said of the others.
        Ok(text) => match catch_unwind(AssertUnwindSafe(|| read(&text))) {
            Err(_) => finding.reason = Some("reading it ended in a panic; please report it".to_owned()),
            Ok(Err(reason)) => {
                finding.result = Verdict::Refused;
                finding.reason = Some(reason);
            }
            Ok(Ok((operations, left_out))) => {
                finding.result = Verdict::Loaded;
                finding.operations = operations;
                finding.left_out = left_out;
            }
        },
    }
    finding.milliseconds = start.elapsed().as_millis();
    finding
}

/// How many operations a document has, and those that cannot be used.
fn read(text: &str) -> Result<(usize, Vec<LeftOut>), String> {
    let document = Document::load(text).map_err(|refused| refused.to_string())?;
    let mut left_out = Vec::new();
    for operation in document.operations() {
        if let Err(reason) = arguments(&document, operation) {
            left_out.push(LeftOut { operation: operation.name.clone(), reason });
        } else if let Err(refused) = document.output(operation) {
            tracing::debug!(operation = operation.name, %refused, "a result has no schema");
        }
    }
    let usable = document.operations().len() - left_out.len();
    match left_out.first() {
        Some(first) if usable == 0 => Err(format!("none of its operations can be used; the first: {}", first.reason)),
        _ => Ok((usable, left_out)),
    }
}

fn lines(findings: &[Finding]) -> String {
    let mut rows = vec![["RESULT", "OPERATIONS", "DOCUMENT", "REASON"].map(str::to_owned)];
    for finding in findings {
        let (result, count) = match finding.result {
            Verdict::Loaded => ("loaded", finding.operations.to_string()),
            Verdict::Refused => ("refused", String::new()),
            Verdict::Failed => ("failed", String::new()),
        };
        let path = finding.path.display().to_string();
        rows.push([result.to_owned(), count, path, finding.reason.clone().unwrap_or_default()]);
        for left in &finding.left_out {
            rows.push(["  left out".to_owned(), String::new(), format!("  {}", left.operation), left.reason.clone()]);
        }
    }
    table::headed(&rows)
}
