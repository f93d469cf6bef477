//! What was read of late, and holds until something changes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use composio_contract::Result;

use super::changes::{Changes, Stamp};
use crate::bounded::Bounded;
use crate::project::Project;

/// How long a value is believed.
const LIFE: Duration = Duration::from_secs(1);
/// Values kept of a kind.
const KEPT: usize = 1_024;

/// Values of one kind, by a name that is the only one in its project, or in the database.
#[derive(Debug)]
pub(super) struct Recent<T>(Mutex<Bounded<String, Known<T>, KEPT>>);

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
        known.insert(name.to_owned(), fresh);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_holds_for_its_project_until_a_change_and_for_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("router.db");
        std::fs::write(&database, "").unwrap();
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
}
