//! The slugs of custom tools: the same rules where they are defined and where they are bound.

use crate::{Error, Result};

/// What every custom tool's final slug starts with.
pub const LOCAL_PREFIX: &str = "LOCAL_";
/// What no slug of a caller's own may start with, in any case.
const RESERVED: [&str; 2] = [LOCAL_PREFIX, "COMPOSIO_"];
const LONGEST_FINAL_SLUG: usize = 60;

/// Checks the slug of a custom tool or toolkit; `what` says which, for the error.
///
/// # Errors
/// [`crate::ErrorKind::Validation`] where it has other characters than letters, digits, `_` and `-`, or a reserved start.
pub fn check_custom_slug(what: &str, slug: &str) -> Result<()> {
    check_slug_characters(what, slug)?;
    match RESERVED.iter().find(|prefix| starts_with(slug, prefix)) {
        Some(prefix) => Err(Error::validation(format!("{what} {slug}: slugs that start with {prefix} are reserved"))),
        None => Ok(()),
    }
}

/// Checks the characters alone, for the slug of a toolkit that is not the caller's.
///
/// # Errors
/// As [`check_custom_slug`].
pub fn check_slug_characters(what: &str, slug: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if slug.is_empty() || !slug.chars().all(fits) {
        return Err(Error::validation(format!(
            "{what}: the slug {slug:?} must have one or more of letters, digits, _ and -, and nothing else"
        )));
    }
    Ok(())
}

/// The slug by which a model calls a custom tool: upper case, with the toolkit that it is in or extends.
///
/// ```
/// use composio_contract::final_custom_slug;
///
/// assert_eq!(final_custom_slug("grep", None)?, "LOCAL_GREP");
/// assert_eq!(final_custom_slug("triage", Some("gmail"))?, "LOCAL_GMAIL_TRIAGE");
/// # Ok::<(), composio_contract::Error>(())
/// ```
///
/// # Errors
/// [`crate::ErrorKind::Validation`] where it has more than 60 characters.
pub fn final_custom_slug(slug: &str, toolkit: Option<&str>) -> Result<String> {
    let text = match toolkit {
        Some(toolkit) => format!("{LOCAL_PREFIX}{toolkit}_{slug}"),
        None => format!("{LOCAL_PREFIX}{slug}"),
    }
    .to_ascii_uppercase();
    if text.len() > LONGEST_FINAL_SLUG {
        return Err(Error::validation(format!(
            "custom tool {slug}: its final slug {text} has {} characters, more than {LONGEST_FINAL_SLUG}; shorten the slug",
            text.len()
        )));
    }
    Ok(text)
}

/// Whether a slug is the final one of a custom tool.
#[must_use]
pub fn is_custom_slug(slug: &str) -> bool {
    starts_with(slug, LOCAL_PREFIX)
}

fn starts_with(slug: &str, prefix: &str) -> bool {
    slug.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
