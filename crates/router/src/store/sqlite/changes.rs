//! What was read of late and has not changed since: asking SQLite each time would cost a call more than all else it does here.
//!
//! Whoever has changed what is kept here writes a stamp into a small file beside the database, and while the stamp is
//! the one that was there before a value was read, the value holds. It is read anew after a second all the same: a process
//! may be killed between the change and the stamp, and other programs write no stamps.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use composio_contract::Result;
use uuid::Uuid;

use crate::project::Project;

/// How long a value is believed.
const LIFE: Duration = Duration::from_secs(1);
/// Values kept of a kind.
const KEPT: usize = 1_024;

/// When a value was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    /// Random, so that none comes a second time, whoever writes first.
    shared: [u8; 16],
    own: u64,
}

/// Tells of changes, among all who share a database.
#[derive(Debug)]
pub(super) struct Changes {
    /// None where the database has no other users.
    file: Option<File>,
    /// Changes of this process, which it knows of even if the file cannot be written.
    own: AtomicU64,
}

impl Changes {
    /// Those of a database in a file.
    pub(super) fn beside(database: &Path) -> std::io::Result<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push("-stamp");
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        if read(&file).is_none() {
            // As SQLite does with its own files, so that whoever may write the database may write this.
            file.set_permissions(std::fs::metadata(database)?.permissions())?;
            write(&file)?;
        }
        Ok(Self { file: Some(file), own: AtomicU64::new(0) })
    }

    /// Those of a database in memory.
    pub(super) fn in_memory() -> Self {
        Self { file: None, own: AtomicU64::new(0) }
    }

    /// Says, once a change is committed, that what was read before may hold no longer.
    pub(super) fn note(&self) {
        self.own.fetch_add(1, Ordering::SeqCst);
        if let Some(Err(error)) = self.file.as_ref().map(write) {
            tracing::error!(%error, "a change in the database is seen by other processes a second late");
        }
    }

    fn stamp(&self) -> Option<Stamp> {
        let own = self.own.load(Ordering::SeqCst);
        let shared = self.file.as_ref().map_or(Some([0; 16]), read)?;
        Some(Stamp { shared, own })
    }
}

#[cfg(unix)]
fn read(file: &File) -> Option<[u8; 16]> {
    let mut stamp = [0; 16];
    std::os::unix::fs::FileExt::read_exact_at(file, &mut stamp, 0).ok().map(|()| stamp)
}

#[cfg(unix)]
fn write(file: &File) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, Uuid::new_v4().as_bytes(), 0)
}

/// Without reads at a place that leave the file's position alone, every value is read anew.
#[cfg(not(unix))]
fn read(_: &File) -> Option<[u8; 16]> {
    None
}

#[cfg(not(unix))]
fn write(_: &File) -> std::io::Result<()> {
    Ok(())
}

/// Values of one kind, by a name that is the only one in its project, or in the database.
#[derive(Debug)]
pub(super) struct Recent<T>(Mutex<HashMap<String, Known<T>>>);

#[derive(Debug)]
struct Known<T> {
    project: Option<Project>,
    value: T,
    stamp: Stamp,
    read_at: Instant,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Recent<T> {
    /// A value as it is now, read if need be. That there is none is not kept.
    pub(super) fn get_or_read(
        &self,
        changes: &Changes,
        project: Option<&Project>,
        name: &str,
        read: impl FnOnce() -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        // Before the value: a change after this makes for another stamp.
        let Some(stamp) = changes.stamp() else { return read() };
        let now = Instant::now();
        if let Some(known) = self.get(stamp, now, project, name) {
            return Ok(Some(known));
        }
        let value = read()?;
        if let Some(value) = &value {
            self.put(stamp, now, project, name, value.clone());
        }
        Ok(value)
    }

    fn get(&self, stamp: Stamp, now: Instant, project: Option<&Project>, name: &str) -> Option<T> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |known: &&Known<T>| {
            known.stamp == stamp && known.project.as_ref() == project && now.duration_since(known.read_at) < LIFE
        };
        known.get(name).filter(holds).map(|known| known.value.clone())
    }

    fn put(&self, stamp: Stamp, read_at: Instant, project: Option<&Project>, name: &str, value: T) {
        let fresh = Known { project: project.cloned(), value, stamp, read_at };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT && !known.contains_key(name) {
            known.clear();
        }
        known.insert(name.to_owned(), fresh);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn with_database() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("router.db");
        std::fs::write(&database, "").unwrap();
        (folder, database)
    }

    #[test]
    fn a_value_holds_for_its_project_until_a_change_and_for_a_second() {
        let (_folder, database) = with_database();
        let open = || Changes::beside(&database).unwrap();
        let (one, other, memory) = (open(), open(), Changes::in_memory());
        let (project, now) = (Project::default(), Instant::now());
        for (changes, changer) in [(&one, &one), (&one, &other), (&memory, &memory)] {
            let recent = Recent::default();
            let stamp = changes.stamp().unwrap();
            recent.put(stamp, now, Some(&project), "trs_1", 7);
            let get = |stamp, now, project: &Project, name| recent.get(stamp, now, Some(project), name);
            assert_eq!(get(stamp, now, &project, "trs_1"), Some(7));
            assert_eq!(get(stamp, now, &Project::new("shop").unwrap(), "trs_1"), None);
            assert_eq!(get(stamp, now, &project, "trs_2"), None);
            assert_eq!(recent.get(stamp, now, None, "trs_1"), None);
            assert_eq!(get(stamp, now + LIFE, &project, "trs_1"), None);
            changer.note();
            let later = changes.stamp().unwrap();
            assert_ne!(later, stamp);
            assert_eq!(get(later, now, &project, "trs_1"), None);
        }
        assert_ne!(one.stamp().unwrap().shared, memory.stamp().unwrap().shared);
    }

    #[test]
    fn what_is_read_while_something_changes_is_read_again() {
        let (changes, recent, project) = (Changes::in_memory(), Recent::default(), Project::default());
        let read = |value| {
            recent.get_or_read(&changes, Some(&project), "trs_1", || {
                changes.note();
                Ok(value)
            })
        };
        assert_eq!(read(Some(1)).unwrap(), Some(1));
        assert_eq!(read(Some(2)).unwrap(), Some(2));
        assert_eq!(read(None).unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn whoever_may_write_the_database_may_write_the_stamp() {
        use std::os::unix::fs::PermissionsExt as _;

        for mode in [0o600, 0o660] {
            let (folder, database) = with_database();
            std::fs::set_permissions(&database, std::fs::Permissions::from_mode(mode)).unwrap();
            Changes::beside(&database).unwrap();
            let made = std::fs::metadata(folder.path().join("router.db-stamp")).unwrap();
            assert_eq!((made.len(), made.permissions().mode() & 0o777), (16, mode));
        }
    }
}
