//! A session's file mount: the user's folder, reached by signed URLs that serve for a while.

use std::sync::Arc;

use bytes::Bytes;
use composio_contract::{
    DownloadUrl, Error, ErrorKind, FileItem, FileList, FileListQuery, MountPath, Result, UploadRequest, UploadUrl,
};
use jiff::Timestamp;

use crate::router::Router;
use crate::sessions::LiveSession;
use crate::ticket::{Purpose, Ticket};
use crate::workspace::{FileKind, ListQuery, Workspace, WriteMode};

/// The one mount that a session has.
pub(crate) const MOUNT: &str = "files";
const MAX_FILES: u32 = 1_000;
const DEFAULT_FILES: u32 = 100;
/// No sandbox mounts the folder; tools take paths relative to it.
const SANDBOX_PREFIX: &str = "";

impl Router {
    fn mounted(&self, session: &LiveSession, mount_id: &str) -> Result<Arc<Workspace>> {
        if mount_id != MOUNT {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no mount `{mount_id}`"))
                .with_status(404)
                .with_suggested_fix(format!("a session's only mount is `{MOUNT}`")));
        }
        self.workspaces.of(&session.project, &session.user_id)
    }

    async fn issue(&self, session: &LiveSession, path: &str, purpose: Purpose) -> Result<(String, String)> {
        let ticket =
            Ticket { project: session.project.clone(), user_id: session.user_id.clone(), path: path.to_owned() };
        self.tickets.issue(self.store.as_ref(), ticket, purpose).await
    }

    pub(crate) async fn mount_list(
        &self,
        session: &LiveSession,
        mount_id: &str,
        query: &FileListQuery,
    ) -> Result<FileList> {
        let limit = query.limit.unwrap_or(DEFAULT_FILES);
        if limit == 0 || limit > MAX_FILES {
            return Err(Error::validation(format!("`limit` is {limit}; it must be from 1 to {MAX_FILES}")));
        }
        let listing = self
            .mounted(session, mount_id)?
            .list(ListQuery {
                folder: query.mount_relative_prefix.clone().unwrap_or_default(),
                recursive: true,
                files_only: true,
                limit: usize::try_from(limit).unwrap_or(usize::MAX),
                after: query.cursor.clone(),
            })
            .await;
        let listing = match listing {
            // A prefix below which there is nothing, as on a mount where folders are only parts of names.
            Err(error) if error.kind() == ErrorKind::FileNotFound => return Ok(FileList::default()),
            other => other?,
        };
        let items = listing.items.into_iter().map(|file| FileItem {
            mount_relative_path: file.path,
            sandbox_mount_prefix: SANDBOX_PREFIX.to_owned(),
            size: file.size,
            last_modified: file.modified.unwrap_or(Timestamp::UNIX_EPOCH).to_string(),
        });
        Ok(FileList { items: items.collect(), next_cursor: listing.next })
    }

    pub(crate) async fn mount_upload(
        &self,
        session: &LiveSession,
        mount_id: &str,
        request: &UploadRequest,
    ) -> Result<UploadUrl> {
        let path = &request.mount_relative_path;
        // A path that leaves the folder is refused now, not when the file is on its way.
        match self.mounted(session, mount_id)?.stat(path) {
            Err(error) if error.kind() != ErrorKind::FileNotFound => return Err(error),
            Ok(found) if found.kind == FileKind::Folder => {
                return Err(Error::validation(format!("`{path}` is a folder; give the path of a file")));
            }
            _ => {}
        }
        let (upload_url, expires_at) = self.issue(session, path, Purpose::Upload).await?;
        Ok(UploadUrl {
            upload_url,
            expires_at,
            mount_relative_path: path.clone(),
            sandbox_mount_prefix: SANDBOX_PREFIX.to_owned(),
        })
    }

    pub(crate) async fn mount_download(
        &self,
        session: &LiveSession,
        mount_id: &str,
        request: &MountPath,
    ) -> Result<DownloadUrl> {
        let path = &request.mount_relative_path;
        let found = self.mounted(session, mount_id)?.stat(path)?;
        if found.kind != FileKind::File {
            return Err(Error::new(ErrorKind::FileNotFound, format!("`{path}` is not a file")));
        }
        let (download_url, expires_at) = self.issue(session, path, Purpose::Download).await?;
        Ok(DownloadUrl {
            download_url,
            expires_at,
            mount_relative_path: path.clone(),
            sandbox_mount_prefix: SANDBOX_PREFIX.to_owned(),
        })
    }

    pub(crate) async fn mount_delete(
        &self,
        session: &LiveSession,
        mount_id: &str,
        request: &MountPath,
    ) -> Result<MountPath> {
        self.mounted(session, mount_id)?.delete(&request.mount_relative_path, false).await?;
        Ok(MountPath {
            mount_relative_path: request.mount_relative_path.clone(),
            sandbox_mount_prefix: Some(SANDBOX_PREFIX.to_owned()),
        })
    }

    pub(crate) async fn mount_put(&self, url: &str, content: Bytes) -> Result<()> {
        let ticket = self.tickets.redeem(self.store.as_ref(), url, Purpose::Upload).await?;
        let workspace = self.workspaces.of(&ticket.project, &ticket.user_id)?;
        workspace.write_bytes(&ticket.path, content, WriteMode::Replace).await.map(drop)
    }

    pub(crate) async fn mount_get(&self, url: &str, limit: u64) -> Result<Bytes> {
        let ticket = self.tickets.redeem(self.store.as_ref(), url, Purpose::Download).await?;
        let workspace = self.workspaces.of(&ticket.project, &ticket.user_id)?;
        workspace.read_bytes(&ticket.path, usize::try_from(limit).unwrap_or(usize::MAX)).await
    }
}
