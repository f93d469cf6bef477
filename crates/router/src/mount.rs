//! A session's file mount: the user's folder, reached by signed URLs that serve for a while.

use std::sync::Arc;

use bytes::Bytes;
use composio_contract::{
    DownloadUrl, Error, ErrorKind, FileItem, FileList, FileListQuery, MountPath, Result, UploadRequest, UploadUrl,
};
use jiff::Timestamp;

use crate::router::Router;
use crate::sessions::LiveSession;
use crate::store::Store;
use crate::ticket::{Purpose, Ticket, Unused};
use crate::workspace::{FileKind, Incoming, ListQuery, Outgoing, Workspace};

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
        let mut upload = self.receive_file(url, content.len() as u64).await?;
        upload.write(content).await?;
        upload.finish().await
    }

    pub(crate) async fn mount_get(&self, url: &str, limit: u64) -> Result<Bytes> {
        let ticket = self.tickets.redeem(self.store.as_ref(), url).await?;
        let workspace = self.workspaces.of(&ticket.project, &ticket.user_id)?;
        workspace.read_bytes(&ticket.path, usize::try_from(limit).unwrap_or(usize::MAX)).await
    }

    /// Begins an upload to a URL that [`Backend::upload_url`](composio_contract::Backend::upload_url) gave out, before
    /// anything of the file is there. `size` is what the sender says it has; 0 where it does not say.
    ///
    /// # Errors
    /// [`ErrorKind::Upload`] where the URL opens nothing; [`ErrorKind::Conflict`] while another upload to it is under way;
    /// [`ErrorKind::RateLimit`] where the user's folder has no room for it.
    pub async fn receive_file(&self, url: &str, size: u64) -> Result<Upload> {
        self.ensure_open()?;
        let unused = self.tickets.begin(self.store.as_ref(), url).await?;
        let workspace = self.workspaces.of(&unused.ticket.project, &unused.ticket.user_id)?;
        let incoming = workspace.receive(&unused.ticket.path, size).await?;
        Ok(Upload { store: Arc::clone(&self.store), unused, incoming })
    }

    /// Opens the file of a URL that [`Backend::download_url`](composio_contract::Backend::download_url) gave out, to be
    /// read piece by piece, and says whose it is.
    ///
    /// # Errors
    /// [`ErrorKind::Download`] where the URL opens nothing; [`ErrorKind::TooLarge`] where the file has more than `limit`
    /// bytes; [`ErrorKind::FileNotFound`].
    pub async fn send_file(&self, url: &str, limit: u64) -> Result<(String, Outgoing)> {
        self.ensure_open()?;
        let ticket = self.tickets.redeem(self.store.as_ref(), url).await?;
        let workspace = self.workspaces.of(&ticket.project, &ticket.user_id)?;
        Ok((ticket.owner(), workspace.send(&ticket.path, limit)?))
    }
}

/// A file that is being uploaded. Until it is finished nothing of it is in the user's folder and its URL is not used up;
/// dropping it leaves all as it was.
#[derive(Debug)]
pub struct Upload {
    store: Arc<dyn Store>,
    unused: Unused,
    incoming: Incoming,
}

impl Upload {
    /// Whose file it is: a name that no other user has.
    #[must_use]
    pub fn owner(&self) -> String {
        self.unused.ticket.owner()
    }

    /// Takes the next bytes, and waits while those before are written.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimit`] where the user's folder has no room for them; [`ErrorKind::File`] where they cannot be
    /// written. Nothing else can be done with it then.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.incoming.write(bytes).await
    }

    /// Puts the file in its place and uses the URL up.
    ///
    /// # Errors
    /// [`ErrorKind::Upload`] where the URL was used or lapsed meanwhile; [`ErrorKind::File`] where the file cannot be put
    /// in its place.
    pub async fn finish(self) -> Result<()> {
        let Self { store, unused, incoming } = self;
        incoming.finish(unused.use_up(store.as_ref())).await
    }
}
