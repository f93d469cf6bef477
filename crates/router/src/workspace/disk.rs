//! The file operations themselves, all through one directory handle. They block.

use std::cmp::Ordering;
use std::io::{self, Read, Seek, SeekFrom, Write};

use cap_fs_ext::{MetadataExt as _, OpenOptionsSyncExt};
use cap_std::fs::{Dir, DirBuilder, File, Metadata, OpenOptions};
use cap_tempfile::TempFile;
use composio_contract::{Error, ErrorKind, Result};
use jiff::Timestamp;

use super::blocking::Cancel;
use super::path::RelativePath;
use super::{Content, FileInfo, FileKind, ListQuery, Listing, WriteMode};

/// Says what went wrong with a path, as the kind of error that it is.
pub(super) fn file_error(doing: &str, path: &str, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::FileNotFound,
        // The directory handle refuses on its own, without the system's error code, what would leave the folder.
        io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => ErrorKind::UnsafePath,
        _ => ErrorKind::File,
    };
    let reason = match kind {
        ErrorKind::FileNotFound => "there is nothing at this path".to_owned(),
        ErrorKind::UnsafePath => "a symbolic link there leads outside the user's folder".to_owned(),
        _ => error.to_string(),
    };
    let failed = Error::new(kind, format!("cannot {doing} {path:?}: {reason}"));
    match status(error.kind()) {
        Some((status, fix)) => failed.with_status(status).with_suggested_fix(fix),
        None => failed,
    }
    .with_source(error)
}

/// The HTTP status of what the caller's path is the cause of, or the disk's, and what to do; none for a failure of the
/// system's.
fn status(kind: io::ErrorKind) -> Option<(u16, &'static str)> {
    use io::ErrorKind as Kind;

    match kind {
        Kind::NotADirectory => Some((409, "a part of the path is a file; choose another path, or delete that file")),
        Kind::IsADirectory => Some((409, "give the path of a file")),
        Kind::AlreadyExists => Some((409, "choose another path, or delete what is there")),
        Kind::DirectoryNotEmpty => Some((409, "delete what the folder holds first")),
        Kind::ResourceBusy | Kind::ExecutableFileBusy | Kind::Deadlock => Some((409, "try again in a moment")),
        Kind::InvalidInput | Kind::InvalidFilename => Some((400, "choose another path")),
        Kind::PermissionDenied => Some((403, "another program keeps this path to itself; choose another path")),
        Kind::FileTooLarge => Some((413, "write less")),
        Kind::StorageFull | Kind::QuotaExceeded => Some((507, "make room on the disk of the users' folders")),
        Kind::ReadOnlyFilesystem => Some((403, "the users' folders cannot be written; choose another workspace")),
        _ => None,
    }
}

pub(super) fn info(path: String, metadata: &Metadata) -> FileInfo {
    let kind = match metadata.file_type() {
        kind if kind.is_file() => FileKind::File,
        kind if kind.is_dir() => FileKind::Folder,
        kind if kind.is_symlink() => FileKind::Link,
        _ => FileKind::Other,
    };
    let modified = metadata.modified().ok().and_then(|time| Timestamp::try_from(time.into_std()).ok());
    FileInfo { path, kind, size: if kind == FileKind::File { metadata.len() } else { 0 }, modified }
}

pub(super) fn stat(dir: &Dir, path: &RelativePath) -> Result<FileInfo> {
    let metadata = dir.metadata(path.for_dir()).map_err(|error| file_error("look at", path.as_str(), error))?;
    Ok(info(path.to_string(), &metadata))
}

pub(super) fn link_stat(dir: &Dir, path: &RelativePath) -> Result<FileInfo> {
    let metadata = dir.symlink_metadata(path.as_str()).map_err(|error| file_error("look at", path.as_str(), error))?;
    Ok(info(path.to_string(), &metadata))
}

/// Opens a regular file to read, with its size.
pub(super) fn open_file(dir: &Dir, path: &RelativePath, links: HardLinks) -> Result<(File, u64)> {
    // Without it, opening a named pipe would wait for a writer.
    let mut options = OpenOptions::new();
    options.read(true).nonblock(true);
    let fail = |error| file_error("read", path.as_str(), error);
    let file = dir.open_with(path.as_str(), &options).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    if !metadata.is_file() {
        return Err(not_a_file("read", path));
    }
    links.check("read", &metadata, path)?;
    Ok((file, metadata.len()))
}

/// Whether files that have another name too are read and appended to: the other name may lie outside of the folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum HardLinks {
    /// They are refused.
    #[default]
    Refused,
    /// They are files like any other.
    Allowed,
}

impl HardLinks {
    pub(super) fn check(self, doing: &str, metadata: &Metadata, path: &RelativePath) -> Result<()> {
        if self == Self::Allowed || !metadata.is_file() || metadata.nlink() <= 1 {
            return Ok(());
        }
        let message = format!(
            "cannot {doing} \"{path}\": it is a hard link, and its other name may lie outside the user's folder"
        );
        Err(Error::new(ErrorKind::UnsafePath, message)
            .with_status(403)
            .with_suggested_fix("copy the file; the operator can set `router.allow_hard_links`"))
    }
}

fn not_a_file(doing: &str, path: &RelativePath) -> Error {
    Error::new(ErrorKind::File, format!("cannot {doing} \"{path}\": it is a folder or a special file, not a file"))
        .with_status(409)
        .with_suggested_fix("give the path of a file")
}

/// Refuses to put a file where there is a folder.
pub(super) fn check_place(parent: &Dir, name: &str, path: &RelativePath) -> Result<()> {
    if parent.symlink_metadata(name).is_ok_and(|metadata| metadata.is_dir()) {
        return Err(not_a_file("write", path));
    }
    Ok(())
}

/// Makes the folders that a file lies in, and sees that it can be put there.
pub(super) fn prepare(dir: &Dir, path: &RelativePath) -> Result<()> {
    if let (Some(folder), _) = path.split() {
        make_folders(dir, folder).map_err(|error| file_error("write", path.as_str(), error))?;
    }
    check_place(dir, path.as_str(), path)
}

/// How many entries a folder would get for a file at a path: the file and the folders on its way.
pub(super) fn missing(dir: &Dir, path: &RelativePath) -> u64 {
    let mut missing = 0;
    let mut rest = path.as_str();
    while !rest.is_empty() && dir.symlink_metadata(rest).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        missing += 1;
        rest = rest.rsplit_once('/').map_or("", |(folder, _)| folder);
    }
    missing
}

/// Reads at most `limit` bytes from `offset` on.
pub(super) fn read_open(
    mut file: File,
    size: u64,
    path: &RelativePath,
    offset: u64,
    limit: usize,
) -> io::Result<Content> {
    if offset > 0 {
        file.seek(SeekFrom::Start(offset))?;
    }
    let rest = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(rest.min(limit));
    file.take(limit as u64).read_to_end(&mut bytes)?;
    Ok(Content { path: path.to_string(), offset, size, bytes })
}

pub(super) fn write(
    dir: &Dir,
    path: &RelativePath,
    content: &[u8],
    mode: WriteMode,
    links: HardLinks,
) -> Result<FileInfo> {
    let fail = |error| file_error("write", path.as_str(), error);
    let (folder, name) = path.split();
    let opened;
    // Everything below happens relative to this one handle, so that a folder that is moved meanwhile splits nothing.
    let parent = match folder {
        None => dir,
        Some(folder) => {
            opened = open_or_create_dir(dir, folder).map_err(fail)?;
            &opened
        }
    };
    match mode {
        WriteMode::Append => append(parent, name, content, path, links)?,
        WriteMode::Replace => {
            check_place(parent, name, path)?;
            replace(parent, name, content).map_err(fail)?;
        }
        WriteMode::Create => {
            // Taking the name first makes two writers at once safe: one of them fails here.
            let reserved = parent.open_with(name, private().write(true).create_new(true));
            reserved.map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => exists("write", path),
                _ => fail(error),
            })?;
            replace(parent, name, content).or_else(|error| parent.remove_file(name).and(Err(error))).map_err(fail)?;
        }
    }
    parent.symlink_metadata(name).map(|metadata| info(path.to_string(), &metadata)).map_err(fail)
}

/// Options that make a file for its owner alone, where they make one.
fn private() -> OpenOptions {
    #[allow(unused_mut, reason = "only Unix has modes")]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes folders for their owner alone.
fn make_folders(dir: &Dir, folder: &str) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    cap_std::fs::DirBuilderExt::mode(&mut builder, 0o700);
    dir.create_dir_with(folder, &builder)
}

/// A file for its owner alone that has no place yet.
pub(super) fn temporary(dir: &Dir) -> io::Result<TempFile<'_>> {
    let file = TempFile::new(dir)?;
    #[cfg(unix)]
    {
        use cap_std::fs::PermissionsExt as _;

        file.as_file().set_permissions(cap_std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

fn open_or_create_dir(dir: &Dir, folder: &str) -> io::Result<Dir> {
    match dir.open_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_folders(dir, folder)?;
            dir.open_dir(folder)
        }
        opened => opened,
    }
}

/// A reader sees the old content or the new, never a part; a link at the name is replaced, not followed.
fn replace(parent: &Dir, name: &str, content: &[u8]) -> io::Result<()> {
    let mut file = temporary(parent)?;
    file.write_all(content)?;
    file.replace(name)
}

fn append(parent: &Dir, name: &str, content: &[u8], path: &RelativePath, links: HardLinks) -> Result<()> {
    let fail = |error| file_error("write", path.as_str(), error);
    let mut options = private();
    options.append(true).create(true).nonblock(true);
    let mut file = parent.open_with(name, &options).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    if !metadata.is_file() {
        return Err(not_a_file("write", path));
    }
    links.check("append to", &metadata, path)?;
    file.write_all(content).map_err(fail)
}

fn exists(doing: &str, path: &RelativePath) -> Error {
    Error::new(ErrorKind::File, format!("cannot {doing} \"{path}\": there is something at this path already"))
        .with_status(409)
        .with_suggested_fix("choose another path, or say that it may be replaced")
}

pub(super) fn rename(dir: &Dir, from: &RelativePath, to: &RelativePath, replace: bool) -> Result<FileInfo> {
    dir.symlink_metadata(from.as_str()).map_err(|error| file_error("move", from.as_str(), error))?;
    let fail = |error| file_error("move to", to.as_str(), error);
    // Not one step with the move itself: portable systems have none. Only the same user's calls can meet here.
    if !replace && from != to && dir.symlink_metadata(to.as_str()).is_ok() {
        return Err(exists("move to", to));
    }
    if let (Some(folder), _) = to.split() {
        make_folders(dir, folder).map_err(fail)?;
    }
    dir.rename(from.as_str(), dir, to.as_str()).map_err(fail)?;
    let metadata = dir.symlink_metadata(to.as_str()).map_err(fail)?;
    Ok(info(to.to_string(), &metadata))
}

pub(super) fn delete(dir: &Dir, path: &RelativePath, recursive: bool) -> Result<FileInfo> {
    let fail = |error| file_error("delete", path.as_str(), error);
    let metadata = dir.symlink_metadata(path.as_str()).map_err(fail)?;
    if !metadata.is_dir() {
        dir.remove_file(path.as_str()).map_err(fail)?;
    } else if recursive {
        dir.remove_dir_all(path.as_str()).map_err(fail)?;
    } else {
        dir.remove_dir(path.as_str()).map_err(|error| match error.kind() {
            io::ErrorKind::DirectoryNotEmpty => {
                Error::new(ErrorKind::File, format!("cannot delete \"{path}\": the folder is not empty"))
                    .with_status(409)
                    .with_suggested_fix("set `recursive` to delete it with all it holds, or delete that first")
            }
            _ => fail(error),
        })?;
    }
    Ok(info(path.to_string(), &metadata))
}

pub(super) fn list(dir: &Dir, query: &ListQuery, cancel: &Cancel) -> Result<Listing> {
    let folder = RelativePath::parse_folder(&query.folder)?;
    let mut items = Vec::new();
    let mut more = false;
    walk(dir, &folder, query.recursive, query.after.as_deref(), cancel, &mut |info| {
        if query.files_only && info.kind != FileKind::File {
            return Ok(true);
        }
        if items.len() == query.limit {
            more = true;
            return Ok(false);
        }
        items.push(info);
        Ok(true)
    })?;
    let next = if more { items.last().map(|item: &FileInfo| item.path.clone()) } else { None };
    Ok(Listing { items, next })
}

/// Visits what lies below a folder, sorted name by name, until `visit` answers false. Links are named, not followed.
pub(super) fn walk(
    dir: &Dir,
    folder: &RelativePath,
    recursive: bool,
    after: Option<&str>,
    cancel: &Cancel,
    visit: &mut dyn FnMut(FileInfo) -> Result<bool>,
) -> Result<()> {
    let root = dir.open_dir(folder.for_dir()).map_err(|error| file_error("list", folder.as_str(), error))?;
    let mut open = vec![(folder.as_str().to_owned(), entries(&root, folder.as_str(), after)?.into_iter())];
    while let Some((path, rest)) = open.last_mut() {
        cancel.check()?;
        let Some(name) = rest.next() else {
            open.pop();
            continue;
        };
        let path = join(path, &name);
        // By path from the top, not from a handle a level: a deep tree must not use up the process's handles.
        let metadata = match dir.symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(file_error("list", &path, error)),
        };
        let is_before = after.is_some_and(|after| order(&path, after) != Ordering::Greater);
        if !is_before && !visit(info(path.clone(), &metadata))? {
            return Ok(());
        }
        if recursive && metadata.is_dir() {
            match dir.open_dir(&path) {
                Ok(below) => {
                    let names = entries(&below, &path, after)?;
                    open.push((path, names.into_iter()));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(file_error("list", &path, error)),
            }
        }
    }
    Ok(())
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Name by name, so that a folder is followed by what it holds.
fn order(left: &str, right: &str) -> Ordering {
    left.split('/').cmp(right.split('/'))
}

/// The names in a folder, sorted, without those that lie wholly before `after`.
fn entries(dir: &Dir, folder: &str, after: Option<&str>) -> Result<Vec<String>> {
    let fail = |error| file_error("list", folder, error);
    let mut names = Vec::new();
    for entry in dir.entries().map_err(fail)? {
        let name = entry.map_err(fail)?.file_name().to_string_lossy().into_owned();
        let path = join(folder, &name);
        let is_before = after.is_some_and(|after| {
            order(&path, after) == Ordering::Less
                && !after.strip_prefix(&path).is_some_and(|rest| rest.starts_with('/'))
        });
        if !is_before {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
