//! What a user's folder holds, and whether there is room for more.
//!
//! The folder is walked for the first write and again after a while, since other programs may write to it too. In between,
//! what is written through the workspace is added up.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use cap_std::fs::Dir;
use composio_contract::{Error, Result};

use super::disk::file_error;
use crate::quota::{Limit, Refusals};

/// How long a count is good for.
const COUNT_LASTS: Duration = Duration::from_secs(60);

/// What a user's folder may hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoomLimits {
    pub(crate) bytes: Option<u64>,
    pub(crate) files: Option<u64>,
    /// Bytes of one database.
    pub(crate) database: Option<u64>,
    pub(crate) refusals: Arc<Refusals>,
}

/// What a user's folder holds.
pub(super) struct Room {
    dir: Arc<Dir>,
    limits: RoomLimits,
    used: Mutex<Used>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Used {
    /// As of the last walk, and what was written since.
    held: Size,
    /// What is being written.
    reserved: Size,
    /// When the folder was walked; none where that must be done again.
    counted: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) bytes: u64,
    pub(super) files: u64,
}

impl Size {
    fn plus(self, other: Self) -> Self {
        Self { bytes: self.bytes.saturating_add(other.bytes), files: self.files.saturating_add(other.files) }
    }

    fn minus(self, other: Self) -> Self {
        Self { bytes: self.bytes.saturating_sub(other.bytes), files: self.files.saturating_sub(other.files) }
    }
}

impl Room {
    /// None where there is no limit.
    pub(super) fn new(dir: &Arc<Dir>, limits: &RoomLimits) -> Option<Arc<Self>> {
        (limits.bytes.is_some() || limits.files.is_some() || limits.database.is_some())
            .then(|| Arc::new(Self { dir: Arc::clone(dir), limits: limits.clone(), used: Mutex::default() }))
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counts(&self) -> bool {
        self.limits.bytes.is_some() || self.limits.files.is_some()
    }

    /// Whether [`Room::reserve`] will walk the folder or wait for another that does.
    pub(super) fn must_count(&self) -> bool {
        if !self.counts() {
            return false;
        }
        match self.used.try_lock() {
            Ok(used) => !used.is_fresh() || !self.fits(used.held.plus(used.reserved), Size::default()),
            Err(TryLockError::Poisoned(_)) => false,
            Err(TryLockError::WouldBlock) => true,
        }
    }

    fn fits(&self, used: Size, more: Size) -> bool {
        let sum = used.plus(more);
        // What makes nothing larger is let through, whatever there is already.
        let is_below = |sum: u64, more: u64, limit: Option<u64>| more == 0 || limit.is_none_or(|limit| sum <= limit);
        is_below(sum.bytes, more.bytes, self.limits.bytes) && is_below(sum.files, more.files, self.limits.files)
    }

    /// Keeps room for what is going to be written. It may walk the folder.
    fn reserve(&self, path: &str, more: Size) -> Result<()> {
        if !self.counts() {
            return Ok(());
        }
        let mut used = self.used();
        if !used.is_fresh() || !self.fits(used.held.plus(used.reserved), more) {
            // Something may have been deleted by another program.
            used.held = self.count().map_err(|error| file_error("count what the folder of", path, error))?;
            used.counted = Some(Instant::now());
        }
        let before = used.held.plus(used.reserved);
        if !self.fits(before, more) {
            return Err(self.refuse(path, before, more));
        }
        used.reserved = used.reserved.plus(more);
        Ok(())
    }

    fn refuse(&self, path: &str, used: Size, more: Size) -> Error {
        let sum = used.plus(more);
        match self.limits.files.filter(|limit| sum.files > *limit && more.files > 0) {
            Some(limit) => self.limits.refusals.refuse(
                Limit::WorkspaceFiles,
                format!("cannot write {path:?}: the user's folder may hold {limit} files and folders, and it does"),
                "delete files that are not needed, or raise `quota.workspace_files` in composio.toml",
            ),
            None => self.limits.refusals.refuse(
                Limit::WorkspaceBytes,
                format!(
                    "cannot write {path:?}: the user's folder would hold {} bytes, and the limit is {}",
                    sum.bytes,
                    self.limits.bytes.unwrap_or(u64::MAX)
                ),
                "delete files that are not needed, or raise `quota.workspace_bytes` in composio.toml",
            ),
        }
    }

    /// How many bytes a database may have that has `size` now.
    pub(super) fn of_database(&self, path: &str, size: u64) -> Result<Option<u64>> {
        self.reserve(path, Size::default())?;
        let used = *self.used();
        let held = used.held.plus(used.reserved);
        let rest = self.limits.bytes.map(|limit| limit.saturating_sub(held.bytes.saturating_sub(size)));
        Ok(rest.into_iter().chain(self.limits.database).min())
    }

    /// Counts that a database had no more room, and answers the error for it.
    pub(super) fn refuse_database(&self, name: &str, limit: u64) -> Error {
        self.limits.refusals.refuse(
            Limit::DatabaseBytes,
            format!(
                "the database {name:?} cannot grow: its limit is {limit} bytes, or the disk is full; nothing was changed"
            ),
            "delete rows or files that are not needed, or raise `quota.database_bytes` or `quota.workspace_bytes` in \
             composio.toml",
        )
    }

    /// Something changed whose size is not known: the next write walks the folder.
    pub(super) fn forget(&self) {
        self.used().counted = None;
    }

    /// A file was deleted.
    pub(super) fn free(&self, size: Size) {
        let mut used = self.used();
        used.held = used.held.minus(size);
    }

    /// Walks the folder, and ends early where it holds more than it may.
    fn count(&self) -> io::Result<Size> {
        let mut size = Size::default();
        let mut folders = vec![".".to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = match self.dir.read_dir(&folder) {
                Ok(entries) => entries,
                // It is gone, or belongs to another program that keeps it to itself.
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            for entry in entries {
                let entry = entry?;
                let metadata = match entry.metadata() {
                    Ok(metadata) => metadata,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                };
                size.files += 1;
                if metadata.is_dir() {
                    if let Some(name) = entry.file_name().to_str() {
                        folders.push(format!("{folder}/{name}"));
                    }
                } else {
                    size.bytes = size.bytes.saturating_add(metadata.len());
                }
                if self.limits.files.is_some_and(|limit| size.files > limit) {
                    return Ok(size);
                }
            }
        }
        Ok(size)
    }
}

impl Used {
    fn is_fresh(&self) -> bool {
        self.counted.is_some_and(|at| at.elapsed() < COUNT_LASTS)
    }
}

/// Room that is kept for a file while it is written. Dropping it gives the room back.
pub(super) struct Reserved {
    room: Option<Arc<Room>>,
    path: String,
    /// What was there before, and makes room when it is replaced.
    before: u64,
    /// The new file, so far.
    after: u64,
    kept: Size,
}

impl Reserved {
    /// Keeps room for a file that is to take the place of one of `before` bytes, or for the `files` that it makes.
    pub(super) fn new(room: Option<&Arc<Room>>, path: &str, before: u64, files: u64) -> Result<Self> {
        let kept = Size { bytes: 0, files };
        if let Some(room) = room {
            room.reserve(path, kept)?;
        }
        Ok(Self { room: room.cloned(), path: path.to_owned(), before, after: 0, kept })
    }

    /// Keeps room for so many bytes in all.
    pub(super) fn grow_to(&mut self, bytes: u64) -> Result<()> {
        self.after = self.after.max(bytes);
        let needed = self.after.saturating_sub(self.before);
        let more = Size { bytes: needed.saturating_sub(self.kept.bytes), files: 0 };
        if let Some(room) = self.room.as_ref().filter(|_| more.bytes > 0) {
            room.reserve(&self.path, more)?;
            self.kept = self.kept.plus(more);
        }
        Ok(())
    }

    /// The file was written.
    pub(super) fn done(mut self) {
        if let Some(room) = self.room.take() {
            let mut used = room.used();
            used.reserved = used.reserved.minus(self.kept);
            let shrunk = Size { bytes: self.before.saturating_sub(self.after), files: 0 };
            used.held = used.held.plus(self.kept).minus(shrunk);
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some(room) = self.room.take() {
            let mut used = room.used();
            used.reserved = used.reserved.minus(self.kept);
        }
    }
}
