//! Each user's folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use composio_contract::{Error, ErrorKind, Result};
use sha2::{Digest as _, Sha256};

use crate::bounded::Bounded;
use crate::project::Project;
use crate::workspace::{HardLinks, RoomLimits, Workspace};

/// Stands for the user in a configured folder.
pub(crate) const USER: &str = "{user_id}";
/// Stands for the project in a configured folder.
pub(crate) const PROJECT: &str = "{project_id}";
/// Longer names are refused by common file systems.
const MAX_NAME: usize = 200;
/// Folders kept open.
const CACHED: usize = 256;

/// Where users' folders lie, and those that are open.
#[derive(Debug)]
pub(crate) struct Workspaces {
    /// Holds [`USER`] where each user has a folder of their own.
    pattern: String,
    /// The same for any other project than the default one; holds [`PROJECT`].
    others: Option<String>,
    limits: RoomLimits,
    links: HardLinks,
    open: Mutex<Bounded<(Project, String), Arc<Workspace>, CACHED>>,
}

impl Workspaces {
    /// Folders by one pattern; without [`PROJECT`] in it there is a place for the default project only.
    pub(crate) fn new(pattern: &Path) -> Self {
        let pattern = pattern.to_string_lossy().into_owned();
        Self {
            others: pattern.contains(PROJECT).then(|| pattern.clone()),
            pattern,
            limits: RoomLimits::default(),
            links: HardLinks::default(),
            open: Mutex::default(),
        }
    }

    /// Folders below the router's data.
    pub(crate) fn below(data_dir: &Path) -> Self {
        let text = |folder: PathBuf| folder.join("workspaces").join(USER).to_string_lossy().into_owned();
        Self {
            pattern: text(data_dir.to_owned()),
            others: Some(text(data_dir.join("projects").join(PROJECT))),
            limits: RoomLimits::default(),
            links: HardLinks::default(),
            open: Mutex::default(),
        }
    }

    /// The same folders, each of which may hold no more than this.
    pub(crate) fn within(self, limits: RoomLimits) -> Self {
        Self { limits, ..self }
    }

    /// The same folders, where hard links are treated like this.
    pub(crate) fn with_links(self, links: HardLinks) -> Self {
        Self { links, ..self }
    }

    /// Checks that the project's files have a place of their own.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where they would lie among those of another.
    pub(crate) fn check(&self, project: &Project) -> Result<()> {
        self.pattern_of(project).map(drop)
    }

    fn pattern_of(&self, project: &Project) -> Result<&str> {
        if project.is_default() {
            return Ok(&self.pattern);
        }
        self.others.as_deref().ok_or_else(|| {
            let message = format!("`router.workspace` is {}, the same for all projects", self.pattern);
            Error::new(ErrorKind::Configuration, message)
                .with_suggested_fix(format!("put {PROJECT} into it, so that no project sees another's files"))
        })
    }

    /// A user's folder, made where there is none.
    pub(crate) fn of(&self, project: &Project, user_id: &str) -> Result<Arc<Workspace>> {
        let owner = (project.clone(), user_id.to_owned());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(workspace) = open.get(&owner) {
            return Ok(Arc::clone(workspace));
        }
        let pattern = self.pattern_of(project)?.replace(PROJECT, &folder_name(project.as_str()));
        let folder = PathBuf::from(pattern.replace(USER, &folder_name(user_id)));
        let workspace = Arc::new(Workspace::open(folder)?.within(&self.limits).with_links(self.links));
        open.insert(owner, Arc::clone(&workspace));
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

    use std::path::Path;

    use super::{Workspaces, folder_name};
    use crate::project::Project;

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

    #[test]
    fn projects_share_no_folder() {
        let (none, shop) = (Project::default(), Project::new("shop").unwrap());
        let below = Workspaces::below(Path::new("/d"));
        assert_eq!(below.pattern_of(&none).unwrap(), "/d/workspaces/{user_id}");
        assert_eq!(below.pattern_of(&shop).unwrap(), "/d/projects/{project_id}/workspaces/{user_id}");
        let one = Workspaces::new(Path::new("/w/{user_id}"));
        assert!(one.check(&none).is_ok());
        assert!(one.check(&shop).unwrap_err().to_string().contains("put {project_id} into it"));
        assert!(Workspaces::new(Path::new("/w/{project_id}/{user_id}")).check(&shop).is_ok());
    }
}
