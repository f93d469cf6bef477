//! The one trait that session logic speaks to.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    AccountLinkRequest, AttachSession, AuthConfig, AuthConfigsQuery, CompleteAuth, CompletedAuth, ConfigVersion,
    ConnectedAccount, ConnectedAccountsQuery, CreateAccount, CreateAuthConfig, CreateSession, CreatedAccount,
    CreatedAuthConfig, DeleteAccount, DeletedSession, Done, DownloadUrl, Error, ErrorKind, ExecuteMetaRequest,
    ExecuteReply, ExecuteRequest, FileList, FileListQuery, FileUpload, FileUploadRequest, LinkReply, LinkRequest,
    McpServer, MountPath, Page, PageQuery, ProxyExecuteRequest, ProxyReply, RawJson, RefreshAccount, RefreshedAccount,
    Reply, Result, RevokedAccount, SearchReply, SearchRequest, Session, SessionToolkit, SessionToolkitsQuery,
    SwitchAccount, Tool, Toolkit, ToolkitsQuery, ToolsQuery, UpdateAccount, UpdateSession, UploadRequest, UploadUrl,
};

/// Any error, as a cause.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What answers the calls of the v3.1 contract: a hosted service over HTTP, or the embedded router.
///
/// Dropping a call's future cancels the call.
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync {
    /// The base URL that this backend's credentials are for; none where it has neither.
    fn base_url(&self) -> Option<&str>;

    /// The headers that authenticate at [`Backend::base_url`], for an MCP client at the same origin. Secret.
    fn credential_headers(&self) -> Vec<(String, String)>;

    /// `POST /tool_router/session`
    async fn create_session(&self, request: &CreateSession) -> Result<Reply<Session>>;

    /// `GET /tool_router/session/{session_id}`
    async fn get_session(&self, session_id: &str) -> Result<Reply<Session>>;

    /// `POST /tool_router/session/{session_id}/attach`
    async fn attach_session(&self, session_id: &str, request: &AttachSession) -> Result<Reply<Session>>;

    /// `PATCH /tool_router/session/{session_id}`
    async fn update_session(&self, session_id: &str, request: &UpdateSession) -> Result<Reply<Session>>;

    /// `DELETE /tool_router/session/{session_id}`
    async fn delete_session(&self, session_id: &str) -> Result<Reply<DeletedSession>>;

    /// `GET /tool_router/session/{session_id}/config_history`
    async fn config_history(&self, session_id: &str, query: &PageQuery) -> Result<Reply<Page<ConfigVersion>>>;

    /// `GET /tool_router/session/{session_id}/tools`
    async fn session_tools(&self, session_id: &str, query: &PageQuery) -> Result<Reply<Page<Tool>>>;

    /// `GET /tool_router/session/{session_id}/toolkits`
    async fn session_toolkits(
        &self,
        session_id: &str,
        query: &SessionToolkitsQuery,
    ) -> Result<Reply<Page<SessionToolkit>>>;

    /// `POST /tool_router/session/{session_id}/search`
    async fn search(&self, session_id: &str, request: &SearchRequest) -> Result<Reply<SearchReply>>;

    /// `POST /tool_router/session/{session_id}/execute`
    async fn execute(&self, session_id: &str, request: &ExecuteRequest) -> Result<Reply<ExecuteReply>>;

    /// `POST /tool_router/session/{session_id}/execute_meta`
    async fn execute_meta(&self, session_id: &str, request: &ExecuteMetaRequest) -> Result<Reply<ExecuteReply>>;

    /// `POST /tool_router/session/{session_id}/proxy_execute`
    async fn proxy_execute(&self, session_id: &str, request: &ProxyExecuteRequest) -> Result<Reply<ProxyReply>>;

    /// `POST /tool_router/session/{session_id}/link`
    async fn link(&self, session_id: &str, request: &LinkRequest) -> Result<Reply<LinkReply>>;

    /// `GET /tool_router/session/{session_id}/mounts/{mount_id}/items`
    async fn list_files(&self, session_id: &str, mount_id: &str, query: &FileListQuery) -> Result<Reply<FileList>>;

    /// `POST /tool_router/session/{session_id}/mounts/{mount_id}/upload_url`
    async fn upload_url(&self, session_id: &str, mount_id: &str, request: &UploadRequest) -> Result<Reply<UploadUrl>>;

    /// `POST /tool_router/session/{session_id}/mounts/{mount_id}/download_url`
    async fn download_url(&self, session_id: &str, mount_id: &str, request: &MountPath) -> Result<Reply<DownloadUrl>>;

    /// `POST /tool_router/session/{session_id}/mounts/{mount_id}/delete`
    async fn delete_file(&self, session_id: &str, mount_id: &str, request: &MountPath) -> Result<Reply<MountPath>>;

    /// `POST /files/upload/request`
    async fn request_upload(&self, request: &FileUploadRequest) -> Result<Reply<FileUpload>>;

    /// Puts a file at a URL that [`Backend::upload_url`] or [`Backend::request_upload`] gave. No credential is sent.
    async fn put_file(&self, upload_url: &str, mimetype: Option<&str>, content: Bytes) -> Result<()>;

    /// Gets a file from a URL that [`Backend::download_url`] or a tool gave, of at most `limit` bytes. No credential is sent.
    async fn get_file(&self, download_url: &str, limit: u64) -> Result<Bytes>;

    /// `GET /connected_accounts`
    async fn list_connected_accounts(&self, query: &ConnectedAccountsQuery) -> Result<Reply<Page<ConnectedAccount>>>;

    /// `GET /connected_accounts/{nanoid}`
    async fn get_connected_account(&self, id: &str) -> Result<Reply<ConnectedAccount>>;

    /// `POST /connected_accounts`
    async fn create_connected_account(&self, request: &CreateAccount) -> Result<Reply<CreatedAccount>>;

    /// `POST /connected_accounts/link`
    async fn link_connected_account(&self, request: &AccountLinkRequest) -> Result<Reply<LinkReply>>;

    /// `POST /connected_accounts/complete_auth`
    async fn complete_auth(&self, request: &CompleteAuth) -> Result<Reply<CompletedAuth>>;

    /// `PATCH /connected_accounts/{nanoid}`
    async fn update_connected_account(&self, id: &str, request: &UpdateAccount) -> Result<Reply<Done>>;

    /// `PATCH /connected_accounts/{nanoId}/status`
    async fn switch_connected_account(&self, id: &str, request: SwitchAccount) -> Result<Reply<Done>>;

    /// `DELETE /connected_accounts/{nanoid}`
    async fn delete_connected_account(&self, id: &str, query: DeleteAccount) -> Result<Reply<Done>>;

    /// `POST /connected_accounts/{nanoid}/refresh`
    async fn refresh_connected_account(&self, id: &str, request: &RefreshAccount) -> Result<Reply<RefreshedAccount>>;

    /// `POST /connected_accounts/{nanoid}/revoke`
    async fn revoke_connected_account(&self, id: &str) -> Result<Reply<RevokedAccount>>;

    /// `GET /auth_configs`
    async fn list_auth_configs(&self, query: &AuthConfigsQuery) -> Result<Reply<Page<AuthConfig>>>;

    /// `GET /auth_configs/{nanoid}`
    async fn get_auth_config(&self, id: &str) -> Result<Reply<AuthConfig>>;

    /// `POST /auth_configs`
    async fn create_auth_config(&self, request: &CreateAuthConfig) -> Result<Reply<CreatedAuthConfig>>;

    /// `PATCH /auth_configs/{nanoid}`; the request is as the contract has it.
    async fn update_auth_config(&self, id: &str, request: &RawJson) -> Result<Reply<Done>>;

    /// `PATCH /auth_configs/{nanoid}/{status}`
    async fn switch_auth_config(&self, id: &str, enabled: bool) -> Result<Reply<Done>>;

    /// `DELETE /auth_configs/{nanoid}`
    async fn delete_auth_config(&self, id: &str) -> Result<Reply<Done>>;

    /// `GET /toolkits`
    async fn list_toolkits(&self, query: &ToolkitsQuery) -> Result<Reply<Page<Toolkit>>>;

    /// `GET /toolkits/{slug}`
    async fn get_toolkit(&self, slug: &str) -> Result<Reply<Toolkit>>;

    /// `GET /tools`
    async fn list_tools(&self, query: &ToolsQuery) -> Result<Reply<Page<Tool>>>;

    /// `GET /tools/{tool_slug}`
    async fn get_tool(&self, slug: &str) -> Result<Reply<Tool>>;

    /// Begins to serve a session over MCP on this machine, where the backend is in this process and a session's reply says
    /// no URL. Quick: it waits for nothing. [`Backend::close`] ends it.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the backend cannot, or why it could not.
    fn serve_mcp(&self, session_id: &str) -> Result<McpServer> {
        let _ = session_id;
        Err(Error::new(ErrorKind::Unsupported, "this backend serves no session over MCP from within the program"))
    }

    /// Lets go of what the backend holds: idle sockets, child processes, files. Further calls fail.
    async fn close(&self) -> Result<()>;
}
