//! The router as a [`Backend`].

use async_trait::async_trait;
use bytes::Bytes;
use composio_contract::{
    AttachSession, Backend, ConfigVersion, ConnectedAccount, ConnectedAccountsQuery, CreateSession, DeletedSession,
    DownloadUrl, Error, ErrorKind, ExecuteMetaRequest, ExecuteReply, ExecuteRequest, FileList, FileListQuery,
    FileUpload, FileUploadRequest, LinkReply, LinkRequest, McpServer, MountPath, Page, PageQuery, ProxyExecuteRequest,
    ProxyReply, Reply, Result, SearchReply, SearchRequest, Session, SessionToolkit, SessionToolkitsQuery, Tool,
    Toolkit, ToolkitsQuery, ToolsQuery, UpdateSession, UploadRequest, UploadUrl,
};

use crate::router::Router;

#[async_trait]
impl Backend for Router {
    fn base_url(&self) -> Option<&str> {
        None
    }

    fn credential_headers(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    async fn create_session(&self, request: &CreateSession) -> Result<Reply<Session>> {
        Reply::encode(self.make_session(request).await?)
    }

    async fn get_session(&self, session_id: &str) -> Result<Reply<Session>> {
        Reply::encode(self.read_session(session_id).await?)
    }

    async fn attach_session(&self, session_id: &str, request: &AttachSession) -> Result<Reply<Session>> {
        Reply::encode(self.attach(session_id, request).await?)
    }

    async fn update_session(&self, session_id: &str, request: &UpdateSession) -> Result<Reply<Session>> {
        Reply::encode(self.change_session(session_id, request).await?)
    }

    async fn delete_session(&self, session_id: &str) -> Result<Reply<DeletedSession>> {
        Reply::encode(self.remove_session(session_id).await?)
    }

    async fn config_history(&self, session_id: &str, query: &PageQuery) -> Result<Reply<Page<ConfigVersion>>> {
        Reply::encode(self.history(session_id, query).await?)
    }

    async fn session_tools(&self, session_id: &str, query: &PageQuery) -> Result<Reply<Page<Tool>>> {
        let session = self.session(session_id).await?;
        Reply::encode(self.tools_of(&session, query).await?)
    }

    async fn session_toolkits(
        &self,
        session_id: &str,
        query: &SessionToolkitsQuery,
    ) -> Result<Reply<Page<SessionToolkit>>> {
        let session = self.session(session_id).await?;
        Reply::encode(self.toolkits_of(&session, query).await?)
    }

    async fn search(&self, session_id: &str, request: &SearchRequest) -> Result<Reply<SearchReply>> {
        let session = self.session(session_id).await?;
        Reply::encode(self.search_tools(&session, request).await?)
    }

    async fn execute(&self, session_id: &str, request: &ExecuteRequest) -> Result<Reply<ExecuteReply>> {
        Reply::encode(self.execute_heard(session_id, request, None).await?)
    }

    async fn execute_meta(&self, session_id: &str, request: &ExecuteMetaRequest) -> Result<Reply<ExecuteReply>> {
        let session = self.session(session_id).await?;
        Reply::encode(self.execute_meta_tool(&session, request).await?)
    }

    async fn proxy_execute(&self, session_id: &str, request: &ProxyExecuteRequest) -> Result<Reply<ProxyReply>> {
        let session = self.session(session_id).await?;
        Reply::encode(self.proxy(&session, request).await?)
    }

    async fn link(&self, session_id: &str, request: &LinkRequest) -> Result<Reply<LinkReply>> {
        let session = self.session(session_id).await?;
        Reply::encode(self.link_account(&session, request).await?)
    }

    async fn list_files(&self, session_id: &str, mount_id: &str, query: &FileListQuery) -> Result<Reply<FileList>> {
        let session = self.session(session_id).await?;
        Reply::encode(self.mount_list(&session, mount_id, query).await?)
    }

    async fn upload_url(&self, session_id: &str, mount_id: &str, request: &UploadRequest) -> Result<Reply<UploadUrl>> {
        let session = self.session(session_id).await?;
        Reply::encode(self.mount_upload(&session, mount_id, request).await?)
    }

    async fn download_url(&self, session_id: &str, mount_id: &str, request: &MountPath) -> Result<Reply<DownloadUrl>> {
        let session = self.session(session_id).await?;
        Reply::encode(self.mount_download(&session, mount_id, request).await?)
    }

    async fn delete_file(&self, session_id: &str, mount_id: &str, request: &MountPath) -> Result<Reply<MountPath>> {
        let session = self.session(session_id).await?;
        Reply::encode(self.mount_delete(&session, mount_id, request).await?)
    }

    async fn request_upload(&self, _request: &FileUploadRequest) -> Result<Reply<FileUpload>> {
        Err(Error::new(ErrorKind::Unsupported, "no tool of the embedded router takes uploaded files")
            .with_suggested_fix(
                "upload with session.experimental.files.upload and give the tool the path on the mount",
            ))
    }

    async fn put_file(&self, upload_url: &str, _mimetype: Option<&str>, content: Bytes) -> Result<()> {
        self.ensure_open()?;
        self.mount_put(upload_url, content).await
    }

    async fn get_file(&self, download_url: &str, limit: u64) -> Result<Bytes> {
        self.ensure_open()?;
        self.mount_get(download_url, limit).await
    }

    async fn list_connected_accounts(&self, query: &ConnectedAccountsQuery) -> Result<Reply<Page<ConnectedAccount>>> {
        Reply::encode(self.list_accounts(query).await?)
    }

    async fn get_connected_account(&self, id: &str) -> Result<Reply<ConnectedAccount>> {
        Reply::encode(self.one_account(id).await?)
    }

    async fn list_toolkits(&self, query: &ToolkitsQuery) -> Result<Reply<Page<Toolkit>>> {
        self.ensure_open()?;
        Reply::encode(self.all_toolkits(query).await?)
    }

    async fn get_toolkit(&self, slug: &str) -> Result<Reply<Toolkit>> {
        self.ensure_open()?;
        Reply::encode(self.one_toolkit(slug).await?)
    }

    async fn list_tools(&self, query: &ToolsQuery) -> Result<Reply<Page<Tool>>> {
        self.ensure_open()?;
        Reply::encode(self.all_tools(query).await?)
    }

    async fn get_tool(&self, slug: &str) -> Result<Reply<Tool>> {
        self.ensure_open()?;
        Reply::encode(self.one_tool(slug).await?)
    }

    fn serve_mcp(&self, session_id: &str) -> Result<McpServer> {
        self.ensure_open()?;
        match &self.session_server {
            Some(server) => server.serve(self, session_id),
            None => Err(Error::new(ErrorKind::Unsupported, "the embedded router of this build does not serve MCP")
                .with_suggested_fix("use session.tools(), or run `composio serve` beside the program")),
        }
    }

    async fn close(&self) -> Result<()> {
        self.shut_down().await
    }
}
