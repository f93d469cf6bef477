//! One user's folder, which no path or link escapes.

pub(crate) mod blocking;
mod disk;
mod path;
mod room;
mod transfer;

use std::fmt;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use composio_contract::{Error, ErrorKind, Result};
use composio_vault::private;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use self::blocking::Cancel;
pub(crate) use self::disk::HardLinks;
use self::path::RelativePath;
pub(crate) use self::room::RoomLimits;
use self::room::{Reserved, Room, Size};
pub(crate) use self::transfer::Incoming;
pub use self::transfer::Outgoing;

/// Up to this many bytes are read or written where the call stands: it takes a fraction of the time that handing the
/// work to another thread does.
const INLINE_BYTES: usize = 64 * 1024;

/// One user's folder.
///
/// Paths are relative to it, with `/` between names. A path that would leave the folder is refused, whether by `..`, by
/// being absolute, by a name that another system reads differently, or by a symbolic link, also one that is put in place
/// while the call runs: every step goes through a handle of the folder, never through the process's own view of the disk.
/// Links that stay inside are followed.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// # let place = tempfile::tempdir()?;
/// use composio_router::workspace::{Workspace, WriteMode};
///
/// let workspace = Workspace::open(place.path().join("ada"))?;
/// workspace.write_bytes("notes/today.txt", "hello".into(), WriteMode::Replace).await?;
/// assert_eq!(workspace.read_bytes("notes/today.txt", 1_000).await?, "hello");
/// assert!(workspace.read_bytes("../bob/secret.txt", 1_000).await.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Workspace {
    dir: Arc<Dir>,
    root: PathBuf,
    /// Where it may not hold as much as there is room on the disk.
    room: Option<Arc<Room>>,
    links: HardLinks,
}

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileInfo {
    /// The path, relative to the user's folder.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// The size in bytes; 0 for what is not a file.
    pub size: u64,
    /// When its content last changed, RFC 3339 in UTC, where the system knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub modified: Option<Timestamp>,
}

/// What something on a disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// Something else, such as a pipe.
    Other,
}

/// Which files to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// The folder; empty for the user's own.
    pub folder: String,
    /// Whether what lies in its folders is listed too.
    pub recursive: bool,
    /// Whether only regular files are listed.
    pub files_only: bool,
    /// At most so many.
    pub limit: usize,
    /// Only what sorts after this path: [`Listing::next`] of the page before.
    pub after: Option<String>,
}

/// A page of files, sorted by path, name by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The files.
    pub items: Vec<FileInfo>,
    /// Where the next page starts; none on the last one.
    pub next: Option<String>,
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The path.
    pub path: String,
    /// Where the part starts, in bytes.
    pub offset: u64,
    /// The size of the whole file in bytes.
    pub size: u64,
    /// The part.
    pub bytes: Vec<u8>,
}

impl Content {
    /// Where the next part starts; none at the end of the file.
    #[must_use]
    pub fn next_offset(&self) -> Option<u64> {
        let end = self.offset.saturating_add(self.bytes.len() as u64);
        (end < self.size).then_some(end)
    }
}

/// What to do where there is a file already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// Fails.
    Create,
    /// Takes its place in one step: a reader sees the old content or the new.
    Replace,
    /// Adds at its end.
    Append,
}

impl Workspace {
    /// Opens a folder, which is made where there is none. This is the only time the path itself is used.
    ///
    /// # Errors
    /// [`ErrorKind::File`] where the folder cannot be made or opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let open = || {
            private::make_folder(path)?;
            let root = path.canonicalize()?;
            Ok((Dir::open_ambient_dir(&root, ambient_authority())?, root))
        };
        let (dir, root) = open().map_err(|error: std::io::Error| {
            Error::new(ErrorKind::File, format!("cannot open the folder {}: {error}", path.display()))
                .with_source(error)
        })?;
        Ok(Self { dir: Arc::new(dir), root, room: None, links: HardLinks::default() })
    }

    /// The same folder, which may hold no more than this.
    pub(crate) fn within(mut self, limits: &RoomLimits) -> Self {
        self.room = Room::new(&self.dir, limits);
        self
    }

    /// The same folder, where hard links are treated like this.
    pub(crate) fn with_links(self, links: HardLinks) -> Self {
        Self { links, ..self }
    }

    /// Keeps room for a file, whose size is then told by [`Reserved::grow_to`]. What is there already counts as room where
    /// it is going to be replaced.
    fn reserve(&self, path: &RelativePath, mode: WriteMode) -> Result<Option<Reserved>> {
        let Some(room) = &self.room else { return Ok(None) };
        let before = match mode {
            WriteMode::Replace => disk::link_stat(&self.dir, path).map_or(0, |info| info.size),
            WriteMode::Create | WriteMode::Append => 0,
        };
        Reserved::new(Some(room), path.as_str(), before, disk::missing(&self.dir, path)).map(Some)
    }

    fn write_within(&self, path: &RelativePath, content: &[u8], mode: WriteMode) -> Result<FileInfo> {
        let mut reserved = self.reserve(path, mode)?;
        if let Some(reserved) = &mut reserved {
            reserved.grow_to(content.len() as u64)?;
        }
        let written = disk::write(&self.dir, path, content, mode, self.links)?;
        if let Some(reserved) = reserved {
            reserved.done();
        }
        Ok(written)
    }

    fn must_count(&self) -> bool {
        self.room.as_ref().is_some_and(|room| room.must_count())
    }

    /// For work on a thread for blocking work.
    fn handle(&self) -> Self {
        Self { dir: Arc::clone(&self.dir), root: self.root.clone(), room: self.room.clone(), links: self.links }
    }

    /// The folder's own path, absolute and without links, for what can only be told a path, such as a sandbox that mounts
    /// it. Joining a caller's path to it undoes what this type is for.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What lies at a path; links are followed.
    ///
    /// # Errors
    /// [`ErrorKind::FileNotFound`] or [`ErrorKind::UnsafePath`].
    pub fn stat(&self, path: &str) -> Result<FileInfo> {
        disk::stat(&self.dir, &RelativePath::parse_folder(path)?)
    }

    /// Lists a folder.
    ///
    /// # Errors
    /// [`ErrorKind::FileNotFound`], [`ErrorKind::UnsafePath`], or [`ErrorKind::File`] where it is not a folder.
    pub async fn list(&self, query: ListQuery) -> Result<Listing> {
        let dir = Arc::clone(&self.dir);
        blocking::run(move |cancel| disk::list(&dir, &query, cancel)).await
    }

    /// Reads at most `limit` bytes of a file from `offset` on.
    ///
    /// # Errors
    /// [`ErrorKind::FileNotFound`], [`ErrorKind::UnsafePath`], or [`ErrorKind::File`] where it is not a regular file.
    pub async fn read(&self, path: &str, offset: u64, limit: usize) -> Result<Content> {
        let path = RelativePath::parse(path)?;
        let (file, size) = disk::open_file(&self.dir, &path, self.links)?;
        let read = move || {
            disk::read_open(file, size, &path, offset, limit)
                .map_err(|error| disk::file_error("read", path.as_str(), error))
        };
        if limit.min(usize::try_from(size).unwrap_or(usize::MAX)) <= INLINE_BYTES {
            read()
        } else {
            blocking::run(move |_| read()).await
        }
    }

    /// Reads a whole file of at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Workspace::read`], and [`ErrorKind::TooLarge`].
    pub async fn read_bytes(&self, path: &str, limit: usize) -> Result<Bytes> {
        let content = self.read(path, 0, limit).await?;
        if content.next_offset().is_some() {
            return Err(too_large(path, content.size, limit as u64));
        }
        Ok(content.bytes.into())
    }

    /// Writes a file and makes the folders it lies in.
    ///
    /// # Errors
    /// [`ErrorKind::UnsafePath`], or [`ErrorKind::File`], also where there is a file already and the mode is
    /// [`WriteMode::Create`].
    pub async fn write_bytes(&self, path: &str, content: Bytes, mode: WriteMode) -> Result<FileInfo> {
        let path = RelativePath::parse(path)?;
        if content.len() <= INLINE_BYTES && !self.must_count() {
            return self.write_within(&path, &content, mode);
        }
        let here = self.handle();
        blocking::run(move |_| here.write_within(&path, &content, mode)).await
    }

    /// Begins to receive a file that is to be at a path. `size` is what the sender says that it has.
    ///
    /// # Errors
    /// [`ErrorKind::UnsafePath`], or [`ErrorKind::RateLimit`] where there is no room for it.
    pub(crate) async fn receive(&self, path: &str, size: u64) -> Result<Incoming> {
        let path = RelativePath::parse(path)?;
        let here = self.handle();
        let begin = move || {
            let mut reserved = match here.reserve(&path, WriteMode::Replace)? {
                Some(reserved) => reserved,
                None => Reserved::new(None, path.as_str(), 0, 0)?,
            };
            reserved.grow_to(size)?;
            Ok(Incoming::new(&here.dir, path, reserved))
        };
        if self.must_count() { blocking::run(move |_| begin()).await } else { begin() }
    }

    /// Opens a regular file of at most `limit` bytes to send it piece by piece.
    ///
    /// # Errors
    /// As [`Workspace::read_bytes`].
    pub(crate) fn send(&self, path: &str, limit: u64) -> Result<Outgoing> {
        let path = RelativePath::parse(path)?;
        let (file, size) = disk::open_file(&self.dir, &path, self.links)?;
        if size > limit {
            return Err(too_large(path.as_str(), size, limit));
        }
        Ok(Outgoing::new(file, size, path))
    }

    /// Refuses a file that has another name too, if that is not allowed. What is not there is not refused.
    pub(crate) fn check_links(&self, doing: &str, path: &str) -> Result<()> {
        let path = RelativePath::parse(path)?;
        match self.dir.symlink_metadata(path.as_str()) {
            Ok(metadata) => self.links.check(doing, &metadata, &path),
            Err(_) => Ok(()),
        }
    }

    /// How many bytes a database at the top of the folder may have, where that has a limit. It may walk the folder.
    pub(crate) fn database_limit(&self, name: &str) -> Result<Option<u64>> {
        let Some(room) = &self.room else { return Ok(None) };
        room.of_database(name, self.link_stat(name).map_or(0, |info| info.size))
    }

    /// Counts that a database had no more room, and answers the error for it; none where it has no limit.
    pub(crate) fn refuse_database(&self, name: &str, limit: u64) -> Option<Error> {
        self.room.as_ref().map(|room| room.refuse_database(name, limit))
    }

    /// Something other than the methods of this type wrote to the folder.
    pub(crate) fn note_change(&self) {
        if let Some(room) = &self.room {
            room.forget();
        }
    }

    /// Moves a file or folder, and makes the folders it then lies in.
    ///
    /// # Errors
    /// [`ErrorKind::FileNotFound`], [`ErrorKind::UnsafePath`], or [`ErrorKind::File`], also where `replace` is false and
    /// there is something at the new path.
    pub fn rename(&self, from: &str, to: &str, replace: bool) -> Result<FileInfo> {
        let (from, to) = (RelativePath::parse(from)?, RelativePath::parse(to)?);
        let reserved = match &self.room {
            // The folders on its way are new; it is not.
            Some(room) => {
                let folders = disk::missing(&self.dir, &to).saturating_sub(1);
                Some(Reserved::new(Some(room), to.as_str(), 0, folders)?)
            }
            None => None,
        };
        let replaced = self.room.is_some() && from != to && disk::link_stat(&self.dir, &to).is_ok();
        let moved = disk::rename(&self.dir, &from, &to, replace)?;
        if let Some(reserved) = reserved {
            reserved.done();
        }
        if replaced {
            self.note_change();
        }
        Ok(moved)
    }

    /// Deletes a file, a link (not what it points to), or a folder; answers what it was. A folder that is not empty is
    /// deleted only where `recursive` says so.
    ///
    /// # Errors
    /// [`ErrorKind::FileNotFound`], [`ErrorKind::UnsafePath`] or [`ErrorKind::File`].
    pub async fn delete(&self, path: &str, recursive: bool) -> Result<FileInfo> {
        let path = RelativePath::parse(path)?;
        if !recursive {
            let deleted = disk::delete(&self.dir, &path, false)?;
            if let Some(room) = &self.room {
                room.free(Size { bytes: deleted.size, files: 1 });
            }
            return Ok(deleted);
        }
        let dir = Arc::clone(&self.dir);
        let deleted = blocking::run(move |_| disk::delete(&dir, &path, true)).await;
        // Also where it ended halfway.
        self.note_change();
        deleted
    }

    /// Visits every regular file below a folder, sorted, until `visit` answers false. It blocks.
    pub(crate) fn walk_files(
        &self,
        folder: &str,
        cancel: &Cancel,
        mut visit: impl FnMut(FileInfo) -> Result<bool>,
    ) -> Result<()> {
        let folder = RelativePath::parse_folder(folder)?;
        disk::walk(&self.dir, &folder, true, None, cancel, &mut |info| {
            if info.kind == FileKind::File { visit(info) } else { Ok(true) }
        })
    }

    /// Opens a regular file to read it piece by piece. Reading blocks.
    pub(crate) fn open_file(&self, path: &str) -> Result<BufReader<cap_std::fs::File>> {
        disk::open_file(&self.dir, &RelativePath::parse(path)?, self.links).map(|(file, _)| BufReader::new(file))
    }

    /// What lies at a path, without following a link there.
    pub(crate) fn link_stat(&self, path: &str) -> Result<FileInfo> {
        disk::link_stat(&self.dir, &RelativePath::parse(path)?)
    }
}

fn too_large(path: &str, size: u64, limit: u64) -> Error {
    Error::new(ErrorKind::TooLarge, format!("the file {path:?} has {size} bytes; the limit is {limit}"))
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace").field("root", &self.root).finish_non_exhaustive()
    }
}
