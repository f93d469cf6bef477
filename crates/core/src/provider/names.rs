//! Names that providers take, and the way back to the tool's own.

use std::borrow::Cow;

use md5::{Digest, Md5};
use serde_json::{Map, Value};

/// The longest name of a function or an argument that every provider takes.
const LONGEST: usize = 64;
/// How many digits tell apart aliases that would be the same.
const DIGITS: usize = 8;

/// The name of the function that stands for a tool: its slug, or where a provider would refuse that, an alias with a
/// hash of the slug at its end, behind a dash, which no slug has.
///
/// Providers take up to 64 ASCII letters, digits, `_` and `-`, and Gemini no digit at first.
pub(crate) fn function_name(slug: &str) -> Cow<'_, str> {
    let is_fine = slug.len() <= LONGEST
        && slug.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && slug.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        && !is_alias(slug);
    if is_fine || slug.is_empty() {
        return Cow::Borrowed(slug);
    }
    let mut name = String::with_capacity(LONGEST);
    if !slug.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.push('_');
    }
    name.extend(slug.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }));
    name.truncate(LONGEST - DIGITS - 1);
    name.push('-');
    for byte in Md5::digest(slug.as_bytes()).iter().take(DIGITS / 2) {
        name.push_str(&format!("{byte:02x}"));
    }
    Cow::Owned(name)
}

/// Whether a name could be an alias that [`function_name`] made.
pub(crate) fn is_alias(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(front, hash)| !front.is_empty() && hash.len() == DIGITS && is_hex(hash))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The name of an argument for a provider that takes only ASCII letters, digits, `_`, `.` and `-`: each other character
/// is written `_xHHHH_`, by its code. None where that is longer than 64.
pub(crate) fn encode_argument(name: &str) -> Option<Cow<'_, str>> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let encoded: Cow<'_, str> = if name.chars().all(is_fine) && escapes(name).next().is_none() {
        Cow::Borrowed(name)
    } else {
        let mut encoded = String::new();
        for (at, c) in name.char_indices() {
            let looks_like_escape = c == '_' && name.get(at..).is_some_and(|rest| escape(rest).is_some());
            if is_fine(c) && !looks_like_escape {
                encoded.push(c);
            } else {
                encoded.push_str(&format!("_x{:04x}_", u32::from(c)));
            }
        }
        Cow::Owned(encoded)
    };
    (!encoded.is_empty() && encoded.len() <= LONGEST).then_some(encoded)
}

/// The arguments by their own names again.
pub(crate) fn decode_arguments(arguments: &Value) -> Cow<'_, Value> {
    match arguments {
        Value::Object(members) if members.keys().any(|name| escapes(name).next().is_some()) => {
            let decoded: Map<String, Value> =
                members.iter().map(|(name, value)| (decode_argument(name), value.clone())).collect();
            Cow::Owned(decoded.into())
        }
        other => Cow::Borrowed(other),
    }
}

fn decode_argument(name: &str) -> String {
    let mut decoded = String::new();
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        let (c, length) = escape(rest).unwrap_or((c, c.len_utf8()));
        decoded.push(c);
        rest = rest.get(length..).unwrap_or_default();
    }
    decoded
}

fn escapes(name: &str) -> impl Iterator<Item = (char, usize)> {
    name.match_indices("_x").filter_map(|(at, _)| escape(name.get(at..)?))
}

/// The character that a text starts with an escape of, and the length of the escape.
fn escape(text: &str) -> Option<(char, usize)> {
    let (digits, _) = text.strip_prefix("_x")?.split_once('_')?;
    let is_code = (4..=6).contains(&digits.len()) && is_hex(digits);
    let code = u32::from_str_radix(digits, 16).ok().filter(|_| is_code)?;
    Some((char::from_u32(code)?, digits.len() + 3))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_that_providers_take_stays() {
        for slug in ["GITHUB_CREATE_ISSUE", "REPORT_20251101", "local-tool", "_A", &"A".repeat(64)] {
            assert_eq!(function_name(slug), slug);
        }
    }

    #[test]
    fn an_alias_is_short_tells_slugs_apart_and_is_known_as_one() {
        let long = format!("TOOL_{}", "A".repeat(80));
        for slug in [long.as_str(), "1PASSWORD_GET", "ÄPFEL_LIST", "A B", "a.b", "like-0a1b2c3d"] {
            let alias = function_name(slug).into_owned();
            assert!(alias.len() <= 64 && is_alias(&alias), "{alias}");
            assert!(alias.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'), "{alias}");
            assert_ne!(alias, function_name(&format!("{slug}B")));
        }
        for slug in ["GITHUB_CREATE_0A1B2C3D", "REPORT_20251101", "report_20251101", "deadbeef", "A-12"] {
            assert!(!is_alias(slug), "{slug}");
        }
    }

    #[test]
    fn arguments_come_back_by_their_own_names() {
        let names = ["$select", "filter[name]", "a_x0024_b", "_x0024_", "ä", "😀", "plain", "a_xb"];
        for name in names {
            let encoded = encode_argument(name).unwrap().into_owned();
            assert!(encoded.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)), "{encoded}");
            let sent = json!({ encoded.as_str(): { "$free": 1 } });
            assert_eq!(*decode_arguments(&sent), json!({ name: { "$free": 1 } }));
        }
        assert_eq!(encode_argument("$top").as_deref(), Some("_x0024_top"));
        assert_eq!(encode_argument(&"$".repeat(10)), None);
        assert_eq!(encode_argument(""), None);
    }
}
