//! Each user's folder.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use composio_contract::Result;
use sha2::{Digest as _, Sha256};

use crate::workspace::Workspace;

/// Stands for the user in a configured folder.
pub(crate) const USER: &str = "{user_id}";
/// Longer names are refused by common file systems.
const MAX_NAME: usize = 200;
/// Folders kept open.
const CACHED: usize = 256;

/// Where users' folders lie, and those that are open.
#[derive(Debug)]
pub(crate) struct Workspaces {
    /// Holds [`USER`] where each user has a folder of their own.
    pattern: String,
    open: Mutex<HashMap<String, Arc<Workspace>>>,
}

impl Workspaces {
    pub(crate) fn new(pattern: &Path) -> Self {
        Self { pattern: pattern.to_string_lossy().into_owned(), open: Mutex::default() }
    }

    /// A user's folder, made where there is none.
    pub(crate) fn of(&self, user_id: &str) -> Result<Arc<Workspace>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(workspace) = open.get(user_id) {
            return Ok(Arc::clone(workspace));
        }
        let folder = PathBuf::from(self.pattern.replace(USER, &folder_name(user_id)));
        let workspace = Arc::new(Workspace::open(folder)?);
        if open.len() >= CACHED {
            open.clear();
        }
        open.insert(user_id.to_owned(), Arc::clone(&workspace));
        Ok(workspace)
    }
}

/// A user's id as the name of a folder. Two users never share one, also where the file system ignores case: everything
/// but lower case letters, digits, `-` and `_` is written as `~` and its bytes in hexadecimal.
fn folder_name(user_id: &str) -> String {
    let mut name = String::with_capacity(user_id.len());
    for byte in user_id.bytes() {
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_') {
            name.push(byte.into());
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(name, "~{byte:02x}");
        }
    }
    if name.len() > MAX_NAME {
        // `~~` begins no other name.
        name = Sha256::digest(user_id).iter().fold("~~".to_owned(), |name, byte| format!("{name}{byte:02x}"));
    } else if is_device(&name) {
        name.insert(0, '~');
    }
    name
}

/// Whether Windows takes a name for a device.
fn is_device(name: &str) -> bool {
    matches!(name, "con" | "prn" | "aux" | "nul")
        || matches!(name.as_bytes(), [b'c', b'o', b'm', b'0'..=b'9'] | [b'l', b'p', b't', b'0'..=b'9'])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::folder_name;

    #[test]
    fn names_are_safe_and_differ() {
        let long = "x".repeat(300);
        let other = "x".repeat(301);
        let users = ["ada", "Ada", "..", ".", "a/b", "a~2fb", "nul", "~nul", "", "ß", "a b", &long, &other];
        let names: HashSet<String> = users.iter().map(|user| folder_name(user)).collect();
        assert_eq!(names.len(), users.len(), "{names:?}");
        for name in names {
            assert!(name.bytes().all(|byte| b"abcdefghijklmnopqrstuvwxyz0123456789-_~".contains(&byte)), "{name}");
            assert!(name.len() <= 200);
        }
        assert_eq!(folder_name("ada-1"), "ada-1");
        assert_eq!(folder_name("../Bob"), "~2e~2e~2f~42ob");
    }
}
