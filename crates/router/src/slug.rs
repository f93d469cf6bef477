//! Slugs of toolkits and tools, stable from run to run.
//!
//! A tool's slug is `<TOOLKIT>_<OPERATION>` in upper snake case, at most [`MAX_LENGTH`] characters. Where the words
//! alone would not tell two operations apart, because characters were dropped, the end was cut off or two names have
//! the same words, a short hash of the operation's own name follows them.

use std::collections::{BTreeMap, BTreeSet};

use composio_contract::{Error, Result};
use sha2::{Digest, Sha256};

/// How many characters the slug of a tool may have.
pub const MAX_LENGTH: usize = 64;

/// How many characters the slug of a toolkit may have; the rest of a tool's slug is left for its operation.
pub const MAX_TOOLKIT_LENGTH: usize = 32;

/// Hash digits behind words that are ambiguous; doubled for as long as slugs collide all the same.
const HASH_DIGITS: usize = 8;

/// The slug of a toolkit, from a name such as a server's.
///
/// ```
/// use composio_router::slug;
///
/// assert_eq!(slug::toolkit("My-Files")?, "my_files");
/// assert!(slug::toolkit("日本").is_err());
/// # Ok::<(), composio_contract::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Validation`](composio_contract::ErrorKind::Validation) where the name has no ASCII letter or digit, or
/// its slug would be longer than [`MAX_TOOLKIT_LENGTH`].
pub fn toolkit(name: &str) -> Result<String> {
    let slug = words(name).to_ascii_lowercase();
    check_toolkit(&slug).map_err(|_| {
        Error::validation(format!(
            "{name:?} gives no toolkit slug: it needs an ASCII letter or digit, and at most {MAX_TOOLKIT_LENGTH} \
             characters"
        ))
    })?;
    Ok(slug)
}

/// Checks that a text is the slug of a toolkit: lower case ASCII letters, digits and underscores, with at least one
/// letter or digit, at most [`MAX_TOOLKIT_LENGTH`] characters.
///
/// # Errors
/// [`ErrorKind::Validation`](composio_contract::ErrorKind::Validation), saying what a slug looks like.
pub fn check_toolkit(slug: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if slug.len() <= MAX_TOOLKIT_LENGTH && slug.chars().all(allowed) && slug.chars().any(|c| c != '_') {
        return Ok(());
    }
    Err(Error::validation(format!(
        "{slug:?} is not a toolkit slug: use lower case letters, digits and underscores, such as `my_files`, at most \
         {MAX_TOOLKIT_LENGTH} characters"
    )))
}

/// The slug of a tool on its own. Use [`tools`] for the tools of one toolkit, so that no two have the same slug.
///
/// ```
/// use composio_router::slug;
///
/// assert_eq!(slug::tool("github", "createIssue"), "GITHUB_CREATE_ISSUE");
/// assert_eq!(slug::tool("github", "github.create-issue"), "GITHUB_CREATE_ISSUE");
/// ```
#[must_use]
pub fn tool(toolkit: &str, operation: &str) -> String {
    build(toolkit, operation, 0)
}

/// The words of an operation behind its toolkit's name, whatever else is in its name and however long they are: two operations
/// for which it is the same read alike. None for a name without words.
pub(crate) fn plain(toolkit: &str, operation: &str) -> Option<String> {
    let prefix = toolkit.to_ascii_uppercase();
    let all = words(operation);
    let words = all.strip_prefix(&prefix).and_then(|rest| rest.strip_prefix('_')).unwrap_or(&all);
    (!words.is_empty()).then(|| format!("{prefix}_{words}"))
}

/// The slugs of a toolkit's operations, in their order; different operations get different slugs.
///
/// Operations whose words are the same all get a hash, so that the result does not depend on the order.
///
/// ```
/// use composio_router::slug;
///
/// let slugs = slug::tools("files", &["read", "list-all", "listAll"]);
/// assert_eq!(slugs, ["FILES_READ", "FILES_LIST_ALL_66B5DF5C", "FILES_LIST_ALL_D569AFC6"]);
/// ```
#[must_use]
pub fn tools<S: AsRef<str>>(toolkit: &str, operations: &[S]) -> Vec<String> {
    let mut digits: BTreeMap<&str, usize> = operations.iter().map(|operation| (operation.as_ref(), 0)).collect();
    loop {
        let mut taken: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for (operation, digits) in &digits {
            taken.entry(build(toolkit, operation, *digits)).or_default().insert(operation);
        }
        let colliding: BTreeSet<&str> = taken.into_values().filter(|names| names.len() > 1).flatten().collect();
        let mut grew = false;
        for (operation, digits) in &mut digits {
            if colliding.contains(operation) && *digits < MAX_HASH_DIGITS {
                *digits = (*digits * 2).clamp(HASH_DIGITS, MAX_HASH_DIGITS);
                grew = true;
            }
        }
        if !grew {
            break;
        }
    }
    operations
        .iter()
        .map(|operation| build(toolkit, operation.as_ref(), digits.get(operation.as_ref()).copied().unwrap_or(0)))
        .collect()
}

/// The slug of an operation whose words belong to another one of the toolkit: they are followed by digits of a hash, more of
/// them with each attempt. None once no more digits fit.
pub(crate) fn beside(toolkit: &str, operation: &str, attempt: u32) -> Option<String> {
    digits(attempt).map(|digits| build(toolkit, operation, digits))
}

/// The slug of an operation whose words belong to another toolkit: the hash comes first, so that the slug begins with the name
/// of its own toolkit and of no other.
pub(crate) fn apart(toolkit: &str, operation: &str, attempt: u32) -> Option<String> {
    let digits = digits(attempt)?;
    let prefix = toolkit.to_ascii_uppercase();
    let slug = format!("{prefix}_{}_{}", hash(operation, digits), words(operation));
    // Every character is ASCII, so that any length is a boundary.
    Some(slug.chars().take(MAX_LENGTH).collect::<String>().trim_end_matches('_').to_owned())
}

fn digits(attempt: u32) -> Option<usize> {
    let digits = HASH_DIGITS.checked_shl(attempt)?;
    (digits < MAX_HASH_DIGITS * 2).then(|| digits.min(MAX_HASH_DIGITS))
}

fn hash(operation: &str, digits: usize) -> String {
    Sha256::digest(operation)
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect::<String>()
        .chars()
        .take(digits)
        .collect()
}

/// As many digits as fit behind the longest toolkit slug; enough that no two names share them.
const MAX_HASH_DIGITS: usize = MAX_LENGTH - MAX_TOOLKIT_LENGTH - 1;

/// The slug, with at least `digits` digits of hash.
fn build(toolkit: &str, operation: &str, digits: usize) -> String {
    let prefix = toolkit.to_ascii_uppercase();
    let all = words(operation);
    let words = all.strip_prefix(&prefix).and_then(|rest| rest.strip_prefix('_')).unwrap_or(&all);
    let slug = format!("{prefix}_{words}");
    if digits == 0 && !words.is_empty() && slug.len() <= MAX_LENGTH && !loses_characters(operation) {
        return slug;
    }
    let digits = digits.max(HASH_DIGITS);
    // Every character is ASCII, so that any length is a boundary.
    let kept: String = slug.chars().take(MAX_LENGTH - digits - 1).collect();
    format!("{}_{}", kept.trim_end_matches('_'), hash(operation, digits))
}

/// Whether a name has characters that are neither part of a word nor a usual separator.
fn loses_characters(name: &str) -> bool {
    name.chars().any(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.' | '/' | ':' | ' '))
}

/// The words of a name in upper snake case: split at what is no ASCII letter or digit, and where camel case does.
fn words(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut words = String::with_capacity(name.len() + 8);
    let mut pending_break = false;
    let mut previous: Option<char> = None;
    for (at, &c) in chars.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            pending_break = true;
            previous = None;
            continue;
        }
        let next_is_lower = chars.get(at + 1).is_some_and(char::is_ascii_lowercase);
        let camel_break =
            c.is_ascii_uppercase() && previous.is_some_and(|previous| !previous.is_ascii_uppercase() || next_is_lower);
        if (pending_break || camel_break) && !words.is_empty() {
            words.push('_');
        }
        words.push(c.to_ascii_uppercase());
        pending_break = false;
        previous = Some(c);
    }
    words
}
