//! The sessions' revisions as they were last read: asking SQLite each time would cost a call more than all else it does here.
//!
//! Whoever has changed a session writes a stamp into a small file beside the database, and while the stamp is the one that
//! was there before a revision was read, the revision holds. It is read anew after a second all the same: a process may
//! be killed between the change and the stamp, and other programs write no stamps.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::project::Project;

/// How long a revision is believed.
const LIFE: Duration = Duration::from_secs(1);
/// Revisions kept.
const KEPT: usize = 1_024;

/// Random, so that none comes a second time, whoever writes first.
pub(super) type Stamp = [u8; 16];

#[derive(Debug)]
pub(super) struct Revisions {
    place: Place,
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Debug)]
enum Place {
    File(File),
    /// The database has no other users.
    Memory(Mutex<Stamp>),
}

#[derive(Debug)]
struct Known {
    project: Project,
    revision: i64,
    stamp: Stamp,
    read_at: Instant,
}

impl Revisions {
    /// Those of a database in a file.
    pub(super) fn beside(database: &Path) -> std::io::Result<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push("-stamp");
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let place = Place::File(options.open(path)?);
        if place.read().is_none() {
            place.write(fresh())?;
        }
        Ok(Self { place, known: Mutex::default() })
    }

    /// Those of a database in memory.
    pub(super) fn in_memory() -> Self {
        Self { place: Place::Memory(Mutex::new(fresh())), known: Mutex::default() }
    }

    /// The stamp as it is now; none where it cannot be read.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.place.read()
    }

    /// A session's revision, if no session has changed since it was read.
    pub(super) fn get(&self, stamp: Stamp, now: Instant, project: &Project, session_id: &str) -> Option<i64> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |known: &&Known| {
            known.stamp == stamp && known.project == *project && now.duration_since(known.read_at) < LIFE
        };
        known.get(session_id).filter(holds).map(|known| known.revision)
    }

    /// Keeps a revision that was read after the stamp, and after `read_at`.
    pub(super) fn put(&self, stamp: Stamp, read_at: Instant, project: &Project, session_id: &str, revision: i64) {
        let fresh = Known { project: project.clone(), revision, stamp, read_at };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT && !known.contains_key(session_id) {
            known.clear();
        }
        known.insert(session_id.to_owned(), fresh);
    }

    /// Says, once a change is committed, that what was read before may hold no longer.
    pub(super) fn changed(&self) {
        if let Err(error) = self.place.write(fresh()) {
            tracing::error!(%error, "a change of a session is seen by other processes a second late");
            self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

fn fresh() -> Stamp {
    Uuid::new_v4().into_bytes()
}

impl Place {
    fn read(&self) -> Option<Stamp> {
        match self {
            #[cfg(unix)]
            Self::File(file) => {
                let mut stamp = Stamp::default();
                std::os::unix::fs::FileExt::read_exact_at(file, &mut stamp, 0).ok().map(|()| stamp)
            }
            #[cfg(not(unix))]
            Self::File(_) => None,
            Self::Memory(stamp) => Some(*stamp.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    fn write(&self, fresh: Stamp) -> std::io::Result<()> {
        match self {
            #[cfg(unix)]
            Self::File(file) => std::os::unix::fs::FileExt::write_all_at(file, &fresh, 0),
            #[cfg(not(unix))]
            Self::File(_) => Ok(()),
            Self::Memory(stamp) => {
                *stamp.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_holds_for_its_project_until_a_change_and_for_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("router.db");
        let (one, other) = (Revisions::beside(&database).unwrap(), Revisions::beside(&database).unwrap());
        let (project, now) = (Project::default(), Instant::now());
        for (revisions, changer) in [(&one, &one), (&one, &other), (&Revisions::in_memory(), &one)] {
            let stamp = revisions.stamp().unwrap();
            revisions.put(stamp, now, &project, "trs_1", 7);
            assert_eq!(revisions.get(stamp, now, &project, "trs_1"), Some(7));
            assert_eq!(revisions.get(stamp, now, &Project::new("shop").unwrap(), "trs_1"), None);
            assert_eq!(revisions.get(stamp, now, &project, "trs_2"), None);
            assert_eq!(revisions.get(stamp, now + LIFE, &project, "trs_1"), None);

            changer.changed();
            let is_shared = matches!((&revisions.place, &changer.place), (Place::File(_), Place::File(_)));
            let later = revisions.stamp().unwrap();
            assert_eq!(later != stamp, is_shared);
            assert_eq!(revisions.get(later, now, &project, "trs_1").is_none(), is_shared);
        }
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_write_the_stamp() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        Revisions::beside(&folder.path().join("router.db")).unwrap();
        let made = std::fs::metadata(folder.path().join("router.db-stamp")).unwrap();
        assert_eq!((made.len(), made.permissions().mode() & 0o777), (16, 0o600));
    }
}
