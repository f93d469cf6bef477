//! A session's file mount: the user's folder, reached by URLs that serve for a while in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use composio_contract::{
    DownloadUrl, Error, ErrorKind, FileItem, FileList, FileListQuery, MountPath, Result, UploadRequest, UploadUrl,
};
use jiff::Timestamp;
use uuid::Uuid;

use crate::clock;
use crate::router::Router;
use crate::sessions::LiveSession;
use crate::workspace::{FileKind, ListQuery, Workspace, WriteMode};

/// The one mount that a session has.
const MOUNT: &str = "files";
const SCHEME: &str = "composio-file:";
const LIFETIME: Duration = Duration::from_secs(15 * 60);
const MAX_FILES: u32 = 1_000;
const DEFAULT_FILES: u32 = 100;
/// No sandbox mounts the folder; tools take paths relative to it.
const SANDBOX_PREFIX: &str = "";

/// What the URLs that were given out stand for.
#[derive(Debug, Default)]
pub(crate) struct Tickets(Mutex<HashMap<String, Ticket>>);

#[derive(Clone, Debug)]
struct Ticket {
    user_id: String,
    path: String,
    purpose: Purpose,
    expires: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Upload,
    Download,
}

impl Tickets {
    /// A URL and when it lapses, RFC 3339.
    fn issue(&self, session: &LiveSession, path: &str, purpose: Purpose) -> (String, String) {
        let now = Instant::now();
        let url = format!("{SCHEME}{}", Uuid::new_v4().simple());
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.retain(|_, ticket| ticket.expires > now);
        let ticket =
            Ticket { user_id: session.user_id.clone(), path: path.to_owned(), purpose, expires: now + LIFETIME };
        tickets.insert(url.clone(), ticket);
        let lifetime = i64::try_from(LIFETIME.as_millis()).unwrap_or(i64::MAX);
        (url, clock::rfc3339(clock::millis().saturating_add(lifetime)))
    }

    /// What a URL stands for; one for an upload serves once.
    fn redeem(&self, url: &str, purpose: Purpose) -> Result<Ticket> {
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = tickets.get(url).filter(|ticket| ticket.purpose == purpose && ticket.expires > Instant::now());
        let ticket = found.cloned().ok_or_else(|| {
            let (kind, what) = match purpose {
                Purpose::Upload => (ErrorKind::Upload, "an upload"),
                Purpose::Download => (ErrorKind::Download, "a download"),
            };
            Error::new(
                kind,
                format!("the URL is not one for {what} that this router gave out, or it has lapsed or was used"),
            )
            .with_suggested_fix("ask for a new URL")
        })?;
        if purpose == Purpose::Upload {
            tickets.remove(url);
        }
        Ok(ticket)
    }
}

impl Router {
    fn mounted(&self, session: &LiveSession, mount_id: &str) -> Result<Arc<Workspace>> {
        if mount_id != MOUNT {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no mount `{mount_id}`"))
                .with_status(404)
                .with_suggested_fix(format!("a session's only mount is `{MOUNT}`")));
        }
        self.workspaces.of(&session.user_id)
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

    pub(crate) fn mount_upload(
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
        let (upload_url, expires_at) = self.tickets.issue(session, path, Purpose::Upload);
        Ok(UploadUrl {
            upload_url,
            expires_at,
            mount_relative_path: path.clone(),
            sandbox_mount_prefix: SANDBOX_PREFIX.to_owned(),
        })
    }

    pub(crate) fn mount_download(
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
        let (download_url, expires_at) = self.tickets.issue(session, path, Purpose::Download);
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
        let ticket = self.tickets.redeem(url, Purpose::Upload)?;
        let workspace = self.workspaces.of(&ticket.user_id)?;
        workspace.write_bytes(&ticket.path, content, WriteMode::Replace).await.map(drop)
    }

    pub(crate) async fn mount_get(&self, url: &str, limit: u64) -> Result<Bytes> {
        let ticket = self.tickets.redeem(url, Purpose::Download)?;
        let workspace = self.workspaces.of(&ticket.user_id)?;
        workspace.read_bytes(&ticket.path, usize::try_from(limit).unwrap_or(usize::MAX)).await
    }
}
