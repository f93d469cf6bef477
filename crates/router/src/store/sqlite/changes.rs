//! Whether anything has changed: asking SQLite each time would cost a call more than all else it does here.
//!
//! Whoever has changed what is kept as [`Recent`](super::recent::Recent) writes a stamp into a small file beside the database, and
//! while the stamp is the one that was there before a value was read, the value holds. It is read anew after a second all the
//! same: a process may be killed between the change and the stamp, and other programs write no stamps.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use composio_vault::private;
use uuid::Uuid;

/// What the stamp's file is called, after the database.
pub(super) const STAMP: &str = "-stamp";

/// What is another one after each change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
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
        path.push(STAMP);
        let file = private::options().read(true).write(true).create(true).truncate(false).open(path)?;
        if read(&file).is_none() {
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

    /// The stamp as it is now; none where it cannot be read.
    pub(super) fn stamp(&self) -> Option<Stamp> {
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

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_stamp_is_its_owners_alone() {
        for mode in [0o600, 0o660] {
            let folder = tempfile::tempdir().unwrap();
            let database = folder.path().join("router.db");
            std::fs::write(&database, "").unwrap();
            std::fs::set_permissions(&database, std::fs::Permissions::from_mode(mode)).unwrap();
            Changes::beside(&database).unwrap();
            let made = std::fs::metadata(folder.path().join("router.db-stamp")).unwrap();
            assert_eq!((made.len(), made.permissions().mode() & 0o777), (16, 0o600));
        }
    }
}
