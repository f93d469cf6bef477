//! The router as a [`Backend`].

use async_trait::async_trait;
use bytes::Bytes;
use composio_contract::{
    AccountLinkRequest, AttachSession, AuthConfig, AuthConfigsQuery, Backend, CompleteAuth, CompletedAuth,
    ConfigVersion, ConnectedAccount, ConnectedAccountsQuery, CreateAccount, CreateAuthConfig, CreateSession,
    CreatedAccount, CreatedAuthConfig, DeleteAccount, DeletedSession, Done, DownloadUrl, Error, ErrorKind,
    ExecuteMetaRequest, ExecuteReply, ExecuteRequest, Extra, FileList, FileListQuery, FileUpload, FileUploadRequest,
    LinkReply, LinkRequest, McpServer, MountPath, Page, PageQuery, ProxyExecuteRequest, ProxyReply, RawJson,
    RefreshAccount, RefreshedAccount, Reply, Result, RevokedAccount, SearchReply, SearchRequest, Session,
    SessionToolkit, SessionToolkitsQuery, SwitchAccount, Tool, Toolkit, ToolkitsQuery, ToolsQuery, UpdateAccount,
    UpdateSession, UploadRequest, UploadUrl,
};

use crate::accounts::made_by_the_router;
use crate::router::Router;

/// That something was done, with further facts.
fn done<const N: usize>(facts: [(&str, String); N]) -> Result<Reply<Done>> {
    let extra: Extra = facts.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    Reply::encode(Done { success: true, extra })
}

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
        let session = self.called(session_id).await?;
        Reply::encode(self.tools_of(&session, query).await?)
    }

    async fn session_toolkits(
        &self,
        session_id: &str,
        query: &SessionToolkitsQuery,
    ) -> Result<Reply<Page<SessionToolkit>>> {
        let session = self.called(session_id).await?;
        Reply::encode(self.toolkits_of(&session, query).await?)
    }

    async fn search(&self, session_id: &str, request: &SearchRequest) -> Result<Reply<SearchReply>> {
        let session = self.called(session_id).await?;
        Reply::encode(self.search_tools(&session, request).await?)
    }

    async fn execute(&self, session_id: &str, request: &ExecuteRequest) -> Result<Reply<ExecuteReply>> {
        Reply::encode(self.execute_heard(session_id, request, None).await?)
    }

    async fn execute_meta(&self, session_id: &str, request: &ExecuteMetaRequest) -> Result<Reply<ExecuteReply>> {
        let session = self.called(session_id).await?;
        Reply::encode(self.execute_meta_tool(&session, request).await?)
    }

    async fn proxy_execute(&self, session_id: &str, request: &ProxyExecuteRequest) -> Result<Reply<ProxyReply>> {
        let session = self.called(session_id).await?;
        Reply::encode(self.proxy(&session, request).await?)
    }

    async fn link(&self, session_id: &str, request: &LinkRequest) -> Result<Reply<LinkReply>> {
        let session = self.called(session_id).await?;
        Reply::encode(self.link_account(&session, request).await?)
    }

    async fn list_files(&self, session_id: &str, mount_id: &str, query: &FileListQuery) -> Result<Reply<FileList>> {
        let session = self.called(session_id).await?;
        Reply::encode(self.mount_list(&session, mount_id, query).await?)
    }

    async fn upload_url(&self, session_id: &str, mount_id: &str, request: &UploadRequest) -> Result<Reply<UploadUrl>> {
        let session = self.called(session_id).await?;
        Reply::encode(self.mount_upload(&session, mount_id, request).await?)
    }

    async fn download_url(&self, session_id: &str, mount_id: &str, request: &MountPath) -> Result<Reply<DownloadUrl>> {
        let session = self.called(session_id).await?;
        Reply::encode(self.mount_download(&session, mount_id, request).await?)
    }

    async fn delete_file(&self, session_id: &str, mount_id: &str, request: &MountPath) -> Result<Reply<MountPath>> {
        let session = self.called(session_id).await?;
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

    async fn create_connected_account(&self, request: &CreateAccount) -> Result<Reply<CreatedAccount>> {
        Reply::encode(self.create_account(request).await?)
    }

    async fn link_connected_account(&self, request: &AccountLinkRequest) -> Result<Reply<LinkReply>> {
        Reply::encode(self.link_outside(request).await?.0)
    }

    async fn complete_auth(&self, request: &CompleteAuth) -> Result<Reply<CompletedAuth>> {
        let connected = self.complete_connection(&request.user_id, &request.session_uri).await?;
        Reply::encode(CompletedAuth { connected_account_id: connected.account_id, toolkit_slug: connected.toolkit })
    }

    async fn update_connected_account(&self, id: &str, request: &UpdateAccount) -> Result<Reply<Done>> {
        let account = self.edit_account(id, request).await?;
        done([("id", account.id), ("status", account.status)])
    }

    async fn switch_connected_account(&self, id: &str, request: SwitchAccount) -> Result<Reply<Done>> {
        self.switch_account(id, request.enabled).await?;
        done([])
    }

    async fn delete_connected_account(&self, id: &str, query: DeleteAccount) -> Result<Reply<Done>> {
        self.remove_account(id, query.revoke_on_delete == Some(true)).await?;
        done([])
    }

    async fn refresh_connected_account(&self, id: &str, request: &RefreshAccount) -> Result<Reply<RefreshedAccount>> {
        Reply::encode(self.refresh_account(id, request).await?)
    }

    async fn revoke_connected_account(&self, id: &str) -> Result<Reply<RevokedAccount>> {
        Reply::encode(self.revoke_account(id).await?)
    }

    async fn list_auth_configs(&self, query: &AuthConfigsQuery) -> Result<Reply<Page<AuthConfig>>> {
        Reply::encode(self.configs(query).await?)
    }

    async fn get_auth_config(&self, id: &str) -> Result<Reply<AuthConfig>> {
        Reply::encode(self.one_config(id).await?)
    }

    async fn create_auth_config(&self, _request: &CreateAuthConfig) -> Result<Reply<CreatedAuthConfig>> {
        Err(made_by_the_router())
    }

    async fn update_auth_config(&self, _id: &str, _request: &RawJson) -> Result<Reply<Done>> {
        Err(made_by_the_router())
    }

    async fn switch_auth_config(&self, _id: &str, _enabled: bool) -> Result<Reply<Done>> {
        Err(made_by_the_router())
    }

    async fn delete_auth_config(&self, _id: &str) -> Result<Reply<Done>> {
        Err(made_by_the_router())
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
