//! Which names a caller may give: relative, plain, and the same on every system.

use std::fmt;

use composio_contract::{Error, ErrorKind, Result};

/// The longest path, in bytes.
const MAX_PATH: usize = 1_024;
/// The longest name in a path, in bytes; file systems in common use agree on it.
const MAX_NAME: usize = 255;

/// A path below a workspace's folder: names joined by `/`, none of them `.` or `..`.
///
/// The rules are the strictest of the systems a folder may be moved to, so that a name that works on one works on all.
/// They keep out surprises early and with a clear message; what keeps a path inside the folder for certain is the
/// directory handle, which also sees symbolic links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RelativePath(String);

impl RelativePath {
    /// Reads the path of a file or folder. Empty names and `.` are dropped.
    pub(super) fn parse(path: &str) -> Result<Self> {
        let parsed = Self::parse_folder(path)?;
        if parsed.is_root() { Err(unsafe_path(path, "it names no file")) } else { Ok(parsed) }
    }

    /// Reads the path of a folder, where an empty text or `.` is the workspace's own.
    pub(super) fn parse_folder(path: &str) -> Result<Self> {
        if path.len() > MAX_PATH {
            return Err(unsafe_path("", &format!("it is longer than {MAX_PATH} bytes")));
        }
        if path.starts_with('/') {
            return Err(unsafe_path(
                path,
                "it is absolute; give it relative to the user's folder, without the first /",
            ));
        }
        let mut names = Vec::new();
        for name in path.split('/').filter(|name| !name.is_empty() && *name != ".") {
            check_name(name).map_err(|reason| unsafe_path(path, reason))?;
            names.push(name);
        }
        Ok(Self(names.join("/")))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path for the directory handle, to which the folder itself is `.`.
    pub(super) fn for_dir(&self) -> &str {
        if self.is_root() { "." } else { &self.0 }
    }

    /// The folder that holds it, and its name there.
    pub(super) fn split(&self) -> (Option<&str>, &str) {
        self.0.rsplit_once('/').map_or((None, &self.0), |(folder, name)| (Some(folder), name))
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.for_dir())
    }
}

fn unsafe_path(path: &str, reason: &str) -> Error {
    Error::new(ErrorKind::UnsafePath, format!("the path {path:?} is refused: {reason}"))
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name == ".." {
        return Err("`..` leaves the folder it stands in");
    }
    if name.len() > MAX_NAME {
        return Err("one of its names is longer than 255 bytes");
    }
    if name.chars().any(char::is_control) {
        return Err("it has a control character");
    }
    if name.contains('\\') {
        return Err("it has a backslash; folders are joined by /");
    }
    if name.contains(':') {
        return Err("it has a colon, which means a drive or a stream on some systems");
    }
    if name.ends_with(['.', ' ']) {
        return Err("a name ends in a dot or a space, which some systems drop");
    }
    if is_device(name) {
        return Err("a name is that of a device on some systems");
    }
    Ok(())
}

/// `CON`, `nul.txt`, `COM1` and the like, which Windows takes for devices whatever the extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        _ => match stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")) {
            Some(number) => matches!(number, "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"),
            None => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_normal() {
        for (given, expected) in [
            ("a.txt", "a.txt"),
            ("a/b/c.csv", "a/b/c.csv"),
            ("./a//b/", "a/b"),
            (".hidden", ".hidden"),
            ("Ünïcode 文.md", "Ünïcode 文.md"),
            ("console.log", "console.log"),
            ("com10", "com10"),
            ("a..b", "a..b"),
        ] {
            assert_eq!(RelativePath::parse(given).expect(given).as_str(), expected);
        }
        assert!(RelativePath::parse_folder("").expect("the root").is_root());
        assert!(RelativePath::parse_folder("./.").expect("the root").is_root());
    }

    #[test]
    fn paths_that_could_lead_elsewhere_are_refused() {
        for (given, reason) in [
            ("", "names no file"),
            (".", "names no file"),
            ("/etc/passwd", "absolute"),
            ("..", "`..`"),
            ("a/../../b", "`..`"),
            ("a\\b", "backslash"),
            ("\\\\server\\share", "backslash"),
            ("C:/x", "colon"),
            ("C:x", "colon"),
            ("file:stream", "colon"),
            ("a\0b", "control"),
            ("a\nb", "control"),
            ("nul", "device"),
            ("dir/CON.txt", "device"),
            ("lpt9.log", "device"),
            ("a./b", "dot or a space"),
            ("...", "dot or a space"),
            ("a ", "dot or a space"),
        ] {
            let error = RelativePath::parse(given).expect_err(given);
            assert_eq!(error.kind(), ErrorKind::UnsafePath, "{given:?}");
            assert!(error.message().contains(reason), "{given:?}: {error}");
        }
        assert!(RelativePath::parse(&"a/".repeat(600)).is_err());
        assert!(RelativePath::parse(&"a".repeat(256)).is_err());
    }
}
