//! The session's file mount, over presigned URLs.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use composio_contract::{Error, ErrorKind, FileListQuery, MountPath, RawJson, Result, UploadRequest};
use composio_egress::{Egress, EgressOptions};
use serde::Deserialize;

use crate::client::Client;
use crate::upload_guard::UploadGuard;

/// The mount that every session has.
pub const DEFAULT_MOUNT: &str = "files";
/// The most bytes that one file may have.
pub const FILE_LIMIT: u64 = 100 << 20;

/// A session's files.
#[derive(Clone, Debug)]
pub struct Files {
    client: Client,
    session_id: String,
}

/// What to upload.
#[derive(Clone, Debug)]
pub enum Upload {
    /// A file on this machine.
    Path(PathBuf),
    /// Bytes that are there already; they need a remote path.
    Content(Bytes),
    /// A file on a public web server.
    Url(String),
}

#[derive(Deserialize)]
struct ListOptions {
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    limit: Option<u32>,
}

impl Files {
    pub(crate) fn new(client: Client, session_id: String) -> Self {
        Self { client, session_id }
    }

    /// A page of files; `options` has `path`, `cursor` and `limit` (1 to 500).
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] for bad options, else what the backend says.
    pub async fn list(&self, mount_id: &str, options: &RawJson) -> Result<RawJson> {
        let options: ListOptions = options.decode("list")?;
        if options.limit.is_some_and(|limit| !(1..=500).contains(&limit)) {
            return Err(Error::validation("limit: must be 1 to 500"));
        }
        let prefix = options.path.map(|path| path.trim_start_matches('/').to_owned());
        let query = FileListQuery {
            mount_relative_prefix: prefix.filter(|prefix| !prefix.is_empty()),
            limit: options.limit,
            cursor: options.cursor.filter(|cursor| !cursor.is_empty()),
        };
        Ok(self.client.backend()?.list_files(&self.session_id, mount_id, &query).await?.into_parts().0)
    }

    /// Puts a file on the mount and answers with where to get it: `mount_relative_path`, `sandbox_mount_prefix`,
    /// `download_url`, `expires_at`.
    ///
    /// Without a remote path a local file keeps its name.
    ///
    /// # Errors
    /// [`ErrorKind::FileNotFound`], [`ErrorKind::SensitiveFile`], [`ErrorKind::UploadNotAllowed`], [`ErrorKind::File`]
    /// or [`ErrorKind::TooLarge`] for the local file,
    /// [`ErrorKind::UnsafePath`] for the remote path, [`ErrorKind::Upload`] where the upload itself fails.
    pub async fn upload(
        &self,
        mount_id: &str,
        upload: Upload,
        remote_path: Option<&str>,
        mimetype: Option<&str>,
    ) -> Result<RawJson> {
        let remote_path = match (remote_path, &upload) {
            (Some(path), _) => remote(path)?,
            (None, Upload::Path(path)) => file_name(&path.to_string_lossy())?,
            (None, Upload::Url(url)) => file_name(url.split(['?', '#']).next().unwrap_or_default())?,
            (None, Upload::Content(_)) => {
                return Err(Error::validation("remote_path: is needed to upload bytes, which have no name"));
            }
        };
        let mimetype = mimetype.or_else(|| mime_guess::from_path(&remote_path).first_raw());
        let content = match upload {
            Upload::Path(path) => read(path, self.client.file_options().uploads.clone()).await?.1,
            Upload::Content(content) => content,
            Upload::Url(url) => fetch(&url, ErrorKind::Upload).await?.body,
        };
        check_size(content.len() as u64)?;
        let backend = self.client.backend()?;
        let request = UploadRequest { mount_relative_path: remote_path, mimetype: mimetype.map(str::to_owned) };
        let place = backend.upload_url(&self.session_id, mount_id, &request).await?;
        backend.put_file(&place.upload_url, mimetype, content).await?;
        self.download(mount_id, &place.mount_relative_path).await
    }

    /// Where to get a file: `mount_relative_path`, `sandbox_mount_prefix`, `download_url`, `expires_at`.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] for an empty path, else what the backend says.
    pub async fn download(&self, mount_id: &str, path: &str) -> Result<RawJson> {
        let request = mount_path("file_path", path)?;
        Ok(self.client.backend()?.download_url(&self.session_id, mount_id, &request).await?.into_parts().0)
    }

    /// Removes a file; answers with `mount_relative_path` and `sandbox_mount_prefix`.
    ///
    /// # Errors
    /// As [`Files::download`].
    pub async fn delete(&self, mount_id: &str, path: &str) -> Result<RawJson> {
        let request = mount_path("remote_path", path)?;
        Ok(self.client.backend()?.delete_file(&self.session_id, mount_id, &request).await?.into_parts().0)
    }

    /// The content behind a download URL, at most [`FILE_LIMIT`] bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Download`] where the URL does not answer with the file.
    pub async fn content(&self, download_url: &str) -> Result<Bytes> {
        self.client.backend()?.get_file(download_url, FILE_LIMIT).await
    }

    /// Saves what is behind a download URL and answers with the absolute path.
    ///
    /// `to` is a file; where it is a folder that exists, or not given (the working folder), the file keeps the last
    /// part of its remote name, and an existing file is not overwritten but the new one numbered.
    ///
    /// # Errors
    /// [`ErrorKind::UnsafePath`] where the remote name has no last part that could name a file.
    pub async fn save(&self, download_url: &str, mount_path: &str, to: Option<PathBuf>) -> Result<PathBuf> {
        store(self.content(download_url), mount_path, to).await
    }
}

/// The content behind a download URL that belongs to no client, at most [`FILE_LIMIT`] bytes. A URL of this machine or
/// its network is refused.
///
/// # Errors
/// As [`Files::content`], and [`ErrorKind::BlockedUrl`].
pub async fn content(download_url: &str) -> Result<Bytes> {
    Ok(fetch(download_url, ErrorKind::Download).await?.body)
}

/// Saves what is behind a download URL that belongs to no client; see [`Files::save`].
///
/// # Errors
/// As [`Files::save`] and [`content`].
pub async fn save(download_url: &str, mount_path: &str, to: Option<PathBuf>) -> Result<PathBuf> {
    store(content(download_url), mount_path, to).await
}

async fn store(content: impl Future<Output = Result<Bytes>>, mount_path: &str, to: Option<PathBuf>) -> Result<PathBuf> {
    let folder = match &to {
        Some(path) if !path.is_dir() => None,
        Some(folder) => Some(folder.clone()),
        None => Some(PathBuf::from(".")),
    };
    let name = folder.is_some().then(|| file_name(mount_path)).transpose()?;
    let content = content.await?;
    blocking(move || match (folder, name, to) {
        (Some(folder), Some(name), _) => write_new(&folder, &name, &content),
        (_, _, Some(file)) => {
            std::fs::write(&file, &content).map_err(|error| local(&file, &error))?;
            std::path::absolute(&file).map_err(|error| local(&file, &error))
        }
        (_, _, None) => Err(Error::new(ErrorKind::Internal, "there is neither a folder nor a file to save to")),
    })
    .await
}

/// The last part of a remote name, safe to use as the name of a file here.
///
/// # Errors
/// [`ErrorKind::UnsafePath`] where there is none.
pub fn file_name(path: &str) -> Result<String> {
    let last = path.rsplit(['/', '\\']).next().unwrap_or_default();
    if last.is_empty() || last == "." || last == ".." || last.contains(['\0', ':']) {
        return Err(Error::new(ErrorKind::UnsafePath, format!("{path:?} does not end in the name of a file")));
    }
    Ok(last.to_owned())
}

/// A path that the backend is to judge.
fn mount_path(argument: &str, path: &str) -> Result<MountPath> {
    if path.trim().is_empty() {
        return Err(Error::validation(format!("{argument}: must not be empty")));
    }
    Ok(MountPath { mount_relative_path: path.to_owned(), sandbox_mount_prefix: None })
}

/// Checks where a file is to be put on the mount.
fn remote(path: &str) -> Result<String> {
    let relative = path.trim_start_matches('/');
    let unsafe_part = |part: &str| part == ".." || part == "." || part.contains('\0');
    if relative.is_empty() || relative.split(['/', '\\']).any(unsafe_part) {
        return Err(Error::new(ErrorKind::UnsafePath, format!("{path:?} is not a path inside the mount"))
            .with_suggested_fix("use a relative path without \".\" and \"..\""));
    }
    Ok(relative.to_owned())
}

fn check_size(size: u64) -> Result<()> {
    if size > FILE_LIMIT {
        let message = format!("the file has {size} bytes, more than {FILE_LIMIT}");
        return Err(Error::new(ErrorKind::TooLarge, message));
    }
    Ok(())
}

/// Gets a file from the public Internet; an address of this machine or its network is refused.
/// `failure` is the kind of error where it answers with none.
pub(crate) async fn fetch(url: &str, failure: ErrorKind) -> Result<composio_egress::Response> {
    let mut request = composio_egress::Request::get(url)?;
    request.limit = usize::try_from(FILE_LIMIT).unwrap_or(usize::MAX);
    let response = Egress::new(EgressOptions::default())?.send(request).await?.complete()?;
    if !response.status.is_success() {
        return Err(Error::new(failure, format!("the URL of the file answered {}", response.status)));
    }
    Ok(response)
}

/// The file that a path leads to, and its content.
pub(crate) async fn read(path: PathBuf, guard: UploadGuard) -> Result<(PathBuf, Bytes)> {
    blocking(move || {
        // What is judged is what is read, whatever links lead there.
        let path = std::fs::canonicalize(&path).map_err(|error| local(&path, &error))?;
        guard.check(&path)?;
        let failed = |error: io::Error| local(&path, &error);
        // Asked before it is opened: a pipe would keep the call waiting for someone to write to it.
        if !std::fs::metadata(&path).map_err(failed)?.is_file() {
            return Err(Error::new(ErrorKind::File, format!("{}: is not a file", path.display())));
        }
        let file = std::fs::File::open(&path).map_err(failed)?;
        check_size(file.metadata().map_err(failed)?.len())?;
        let mut content = Vec::new();
        // The file may grow meanwhile.
        io::Read::read_to_end(&mut io::Read::take(file, FILE_LIMIT + 1), &mut content).map_err(failed)?;
        check_size(content.len() as u64)?;
        Ok((path, Bytes::from(content)))
    })
    .await
}

/// Writes a file that does not exist yet, numbering its name until one is free.
pub(crate) fn write_new(folder: &Path, name: &str, content: &[u8]) -> Result<PathBuf> {
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    for number in 0..10_000 {
        let path = match number {
            0 => folder.join(name),
            _ => folder.join(format!("{stem} ({number}){extension}")),
        };
        match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(local(&path, &error)),
            Ok(mut file) => {
                let written = io::Write::write_all(&mut file, content);
                if let Err(error) = written {
                    // Half a file would pass for the whole one.
                    let _ = std::fs::remove_file(&path);
                    return Err(local(&path, &error));
                }
                return std::path::absolute(&path).map_err(|error| local(&path, &error));
            }
        }
    }
    Err(Error::new(ErrorKind::File, format!("{}: too many files of that name", folder.join(name).display())))
}

pub(crate) fn local(path: &Path, error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::FileNotFound,
        _ => ErrorKind::File,
    };
    Error::new(kind, format!("{}: {error}", path.display()))
}

pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::new(ErrorKind::Internal, format!("file work ended early: {error}")))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_name_stays_where_it_belongs() {
        for (path, name) in [("a/b.txt", "b.txt"), ("..\\..\\evil", "evil"), ("/etc/passwd", "passwd")] {
            assert_eq!(file_name(path).unwrap(), name);
        }
        for path in ["", "a/", "..", "a/..", "c:", "x\0y"] {
            assert_eq!(file_name(path).unwrap_err().kind(), ErrorKind::UnsafePath, "{path:?}");
        }
        for path in ["", "/", "../x", "a/../../x", "a\\..\\b", "./x"] {
            assert_eq!(remote(path).unwrap_err().kind(), ErrorKind::UnsafePath, "{path:?}");
        }
        assert_eq!(remote("/a/b").unwrap(), "a/b");
    }

    #[test]
    fn an_existing_file_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<_> =
            (0..3).map(|_| write_new(folder.path(), "a.tar", b"x").unwrap().file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["a.tar", "a (1).tar", "a (2).tar"]);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_is_judged_is_what_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("out");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(folder.path().join("a.txt"), "x").unwrap();
        std::os::unix::fs::symlink(folder.path().join("a.txt"), inside.join("link.txt")).unwrap();
        let guard = UploadGuard { file_upload_dirs: Some(vec![inside.clone()]), ..UploadGuard::default() };
        let refused = read(inside.join("link.txt"), guard).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::UploadNotAllowed);
        // What has no end would fill the memory, or keep the call waiting.
        let endless = read("/dev/zero".into(), UploadGuard::default()).await.unwrap_err();
        assert_eq!(endless.kind(), ErrorKind::File);
    }
}
