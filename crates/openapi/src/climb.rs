//! Whether a path leads out of the place it is put in.

use percent_encoding::percent_decode_str;

/// How often a path may be decoded on its way: by proxies, frameworks and the API itself.
const DECODED: usize = 4;

/// Whether a path has a segment `..`, as it is or as some server on the way may read it: percent-encoded once or several times,
/// behind a backslash, or with parameters after a semicolon.
///
/// ```
/// use composio_openapi::climbs;
///
/// assert!(climbs("/users/../admin") && climbs("a/%2e%2E/b") && climbs("..%2fadmin") && climbs("%252e%252e/x"));
/// assert!(climbs("/.%09./admin") && climbs("/..%00/admin") && climbs("/..%23/admin") && climbs("/%2e%0d%2e/x"));
/// assert!(!climbs("/files/report..pdf") && !climbs("/a/./b") && !climbs("..."));
/// ```
#[must_use]
pub fn climbs(path: &str) -> bool {
    let mut path = path.to_owned();
    for _ in 0..DECODED {
        // URL parsers leave tabs and newlines out before they look, others all control characters.
        path.retain(|c| !c.is_control());
        // A server may take parameters, a query or a fragment off first.
        let is_up = |segment: &str| segment.split([';', '?', '#']).next().is_some_and(|name| name.trim() == "..");
        if path.split(['/', '\\']).any(is_up) {
            return true;
        }
        let decoded = percent_decode_str(&path).decode_utf8_lossy().into_owned();
        if decoded == path {
            return false;
        }
        path = decoded;
    }
    // What is still encoded is not meant to be read.
    path.contains('%')
}
