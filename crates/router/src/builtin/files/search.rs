//! FILES_SEARCH: lines by text or regular expression, files by name.

use std::io::{BufRead, Read};
use std::sync::Arc;

use composio_contract::{Error, Result};
use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::source::CallContext;
use crate::workspace::blocking::{self, Cancel};
use crate::workspace::{FileInfo, Workspace};

/// Larger files are named as skipped, not searched.
const MAX_FILE: u64 = 16 * 1024 * 1024;
/// The longest line that is searched as one, in bytes; the rest of a longer one counts as further lines do.
const MAX_LINE: u64 = 1024 * 1024;
/// The most of a line that is shown, in characters.
const MAX_SHOWN: usize = 400;
/// The most memory that a compiled pattern may take, in bytes.
const MAX_PATTERN: usize = 1024 * 1024;
/// How many skipped files are named.
const MAX_SKIPPED: usize = 20;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchArguments {
    /// Text to find, as it is.
    text: Option<String>,
    /// Regular expression to find (Rust `regex` syntax: no look-around, no back-references), in place of `text`.
    regex: Option<String>,
    /// Only files whose name or path matches this glob, such as `*.csv` or `reports/**/2024-*`.
    name: Option<String>,
    /// The folder to search with all below it; empty for the user's folder.
    #[serde(default)]
    path: String,
    /// Whether upper and lower case differ.
    #[serde(default)]
    case_sensitive: bool,
    /// At most so many matches.
    #[serde(default = "default_matches")]
    #[schemars(range(min = 1, max = 500))]
    limit: usize,
}

fn default_matches() -> usize {
    50
}

#[derive(Default, Serialize, JsonSchema)]
pub(super) struct SearchResult {
    /// Lines that match, by file and line.
    matches: Vec<Match>,
    /// Files that match, where only a name was given.
    files: Vec<FileInfo>,
    /// How many files were looked at.
    files_searched: usize,
    /// Whether there may be more matches than `limit`.
    truncated: bool,
    /// Files that were not searched because they are larger than 16 MiB or could not be read; the first 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct Match {
    /// The file.
    path: String,
    /// The line, from 1.
    line: u64,
    /// The line's text, shortened to 400 characters around the match.
    text: String,
}

/// What to look for.
struct Search {
    lines: Option<Regex>,
    name: Option<GlobMatcher>,
    limit: usize,
}

pub(super) async fn search(arguments: SearchArguments, context: CallContext) -> Result<SearchResult> {
    let search = Search::new(&arguments)?;
    let workspace: Arc<Workspace> = context.workspace;
    blocking::run(move |cancel| search.run(&workspace, &arguments.path, cancel)).await
}

impl Search {
    fn new(arguments: &SearchArguments) -> Result<Self> {
        let pattern = match (&arguments.text, &arguments.regex) {
            (Some(_), Some(_)) => return Err(Error::validation("give `text` or `regex`, not both")),
            (Some(text), None) if text.is_empty() => return Err(Error::validation("`text` is empty")),
            (Some(text), None) => Some(regex::escape(text)),
            (None, Some(regex)) => Some(regex.clone()),
            (None, None) if arguments.name.is_some() => None,
            (None, None) => return Err(Error::validation("give `text`, `regex` or `name`: there is nothing to find")),
        };
        let lines = pattern.map(|pattern| {
            RegexBuilder::new(&pattern)
                .case_insensitive(!arguments.case_sensitive)
                .size_limit(MAX_PATTERN)
                .build()
                .map_err(|error| {
                    Error::validation(format!("cannot use the regular expression: {error}")).with_source(error)
                })
        });
        let name = arguments.name.as_ref().map(|name| {
            GlobBuilder::new(name)
                .case_insensitive(!arguments.case_sensitive)
                .literal_separator(true)
                .build()
                .map(|glob| glob.compile_matcher())
                .map_err(|error| Error::validation(format!("cannot use `name` as a glob: {error}")).with_source(error))
        });
        Ok(Self { lines: lines.transpose()?, name: name.transpose()?, limit: arguments.limit.clamp(1, 500) })
    }

    fn run(&self, workspace: &Workspace, folder: &str, cancel: &Cancel) -> Result<SearchResult> {
        let mut result = SearchResult::default();
        workspace.walk_files(folder, cancel, |file| {
            if !self.matches_name(&file.path) {
                return Ok(true);
            }
            result.files_searched += 1;
            match &self.lines {
                None if result.files.len() == self.limit => result.truncated = true,
                None => result.files.push(file),
                Some(lines) => {
                    let searched =
                        file.size <= MAX_FILE && self.search_file(workspace, &file, lines, cancel, &mut result)?;
                    if !searched && result.skipped.len() < MAX_SKIPPED {
                        result.skipped.push(file.path);
                    }
                }
            }
            Ok(!result.truncated)
        })?;
        Ok(result)
    }

    /// A glob without `/` is for the name, one with it for the path.
    fn matches_name(&self, path: &str) -> bool {
        let Some(glob) = &self.name else { return true };
        glob.is_match(path) || path.rsplit('/').next().is_some_and(|name| glob.is_match(name))
    }

    /// Adds a file's matches; answers whether it could be read. A file with a NUL is not text and has no lines.
    fn search_file(
        &self,
        workspace: &Workspace,
        file: &FileInfo,
        lines: &Regex,
        cancel: &Cancel,
        result: &mut SearchResult,
    ) -> Result<bool> {
        let Ok(mut reader) = workspace.open_file(&file.path) else { return Ok(false) };
        let mut line = Vec::new();
        for number in 1.. {
            cancel.check()?;
            line.clear();
            match reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) if line.contains(&0) => break,
                Ok(_) => {}
                Err(_) => return Ok(false),
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            if let Some(found) = lines.find(text) {
                if result.matches.len() == self.limit {
                    result.truncated = true;
                    break;
                }
                let text = shorten(text, found.start());
                result.matches.push(Match { path: file.path.clone(), line: number, text });
            }
        }
        Ok(true)
    }
}

/// At most [`MAX_SHOWN`] characters, with some before the match at byte `at`.
fn shorten(text: &str, at: usize) -> String {
    if text.len() <= MAX_SHOWN {
        return text.to_owned();
    }
    let before = text.get(..at).map_or(0, |before| before.chars().count());
    let skip = before.saturating_sub(MAX_SHOWN / 4);
    let start = if skip > 0 { "…" } else { "" };
    let mut rest = text.chars().skip(skip);
    let shown: String = rest.by_ref().take(MAX_SHOWN).collect();
    let end = if rest.next().is_some() { "…" } else { "" };
    format!("{start}{shown}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_shown_around_its_match() {
        let line = format!("{}needle{}", "é".repeat(1_000), "x".repeat(1_000));
        let shown = shorten(&line, line.find("needle").expect("it is there"));
        assert!(shown.starts_with('…') && shown.ends_with('…') && shown.contains("needle"), "{shown}");
        assert_eq!(shown.chars().count(), MAX_SHOWN + 2);
        assert_eq!(shorten("short", 0), "short");
    }
}
