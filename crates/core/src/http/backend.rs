//! The contract's calls, each one request.

use async_trait::async_trait;
use bytes::Bytes;
use composio_contract::*;
use reqwest::Method;
use secrecy::ExposeSecret;

use super::Repeat::{Never, Safe};
use super::{Call, HttpBackend};

const SESSION: &[&str] = &["tool_router", "session"];
const ACCOUNTS: &[&str] = &["connected_accounts"];
const AUTH_CONFIGS: &[&str] = &["auth_configs"];

/// The path of a session's call.
fn session<'a>(id: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [SESSION, &[id], rest].concat()
}

const NO_QUERY: Option<&()> = None;

#[async_trait]
impl Backend for HttpBackend {
    fn base_url(&self) -> Option<&str> {
        Some(self.options.base_url.as_str())
    }

    fn credential_headers(&self) -> Vec<(String, String)> {
        let key = self.options.api_key.as_ref().map(|key| ("x-api-key".to_owned(), key.expose_secret().to_owned()));
        match key {
            Some(key) => vec![key],
            None => self.options.default_headers.clone(),
        }
    }

    async fn create_session(&self, request: &CreateSession) -> Result<Reply<Session>> {
        self.post(SESSION, request, Never).await
    }

    async fn get_session(&self, session_id: &str) -> Result<Reply<Session>> {
        self.get(&session(session_id, &[]), NO_QUERY).await
    }

    async fn attach_session(&self, session_id: &str, request: &AttachSession) -> Result<Reply<Session>> {
        self.post(&session(session_id, &["attach"]), request, Safe).await
    }

    async fn update_session(&self, session_id: &str, request: &UpdateSession) -> Result<Reply<Session>> {
        self.patch(&session(session_id, &[]), request).await
    }

    async fn delete_session(&self, session_id: &str) -> Result<Reply<DeletedSession>> {
        let path = session(session_id, &[]);
        self.send(Call { method: Method::DELETE, path: &path, query: NO_QUERY, repeat: Safe }, None).await
    }

    async fn config_history(&self, session_id: &str, query: &PageQuery) -> Result<Reply<Page<ConfigVersion>>> {
        self.get(&session(session_id, &["config_history"]), Some(query)).await
    }

    async fn session_tools(&self, session_id: &str, query: &PageQuery) -> Result<Reply<Page<Tool>>> {
        self.get(&session(session_id, &["tools"]), Some(query)).await
    }

    async fn session_toolkits(
        &self,
        session_id: &str,
        query: &SessionToolkitsQuery,
    ) -> Result<Reply<Page<SessionToolkit>>> {
        self.get(&session(session_id, &["toolkits"]), Some(query)).await
    }

    async fn search(&self, session_id: &str, request: &SearchRequest) -> Result<Reply<SearchReply>> {
        self.post(&session(session_id, &["search"]), request, Safe).await
    }

    async fn execute(&self, session_id: &str, request: &ExecuteRequest) -> Result<Reply<ExecuteReply>> {
        self.post(&session(session_id, &["execute"]), request, Never).await
    }

    async fn execute_meta(&self, session_id: &str, request: &ExecuteMetaRequest) -> Result<Reply<ExecuteReply>> {
        self.post(&session(session_id, &["execute_meta"]), request, Never).await
    }

    async fn proxy_execute(&self, session_id: &str, request: &ProxyExecuteRequest) -> Result<Reply<ProxyReply>> {
        self.post(&session(session_id, &["proxy_execute"]), request, Never).await
    }

    async fn link(&self, session_id: &str, request: &LinkRequest) -> Result<Reply<LinkReply>> {
        self.post(&session(session_id, &["link"]), request, Never).await
    }

    async fn list_files(&self, session_id: &str, mount_id: &str, query: &FileListQuery) -> Result<Reply<FileList>> {
        self.get(&session(session_id, &["mounts", mount_id, "items"]), Some(query)).await
    }

    async fn upload_url(&self, session_id: &str, mount_id: &str, request: &UploadRequest) -> Result<Reply<UploadUrl>> {
        self.post(&session(session_id, &["mounts", mount_id, "upload_url"]), request, Safe).await
    }

    async fn download_url(&self, session_id: &str, mount_id: &str, request: &MountPath) -> Result<Reply<DownloadUrl>> {
        self.post(&session(session_id, &["mounts", mount_id, "download_url"]), request, Safe).await
    }

    async fn delete_file(&self, session_id: &str, mount_id: &str, request: &MountPath) -> Result<Reply<MountPath>> {
        self.post(&session(session_id, &["mounts", mount_id, "delete"]), request, Safe).await
    }

    async fn request_upload(&self, request: &FileUploadRequest) -> Result<Reply<FileUpload>> {
        self.post(&["files", "upload", "request"], request, Safe).await
    }

    async fn put_file(&self, upload_url: &str, mimetype: Option<&str>, content: Bytes) -> Result<()> {
        self.put(upload_url, mimetype, content).await
    }

    async fn get_file(&self, download_url: &str, limit: u64) -> Result<Bytes> {
        self.download(download_url, limit).await
    }

    async fn list_connected_accounts(&self, query: &ConnectedAccountsQuery) -> Result<Reply<Page<ConnectedAccount>>> {
        self.get(ACCOUNTS, Some(query)).await
    }

    async fn get_connected_account(&self, id: &str) -> Result<Reply<ConnectedAccount>> {
        self.get(&["connected_accounts", id], NO_QUERY).await
    }

    async fn create_connected_account(&self, request: &CreateAccount) -> Result<Reply<CreatedAccount>> {
        self.post(ACCOUNTS, request, Never).await
    }

    async fn link_connected_account(&self, request: &AccountLinkRequest) -> Result<Reply<LinkReply>> {
        self.post(&["connected_accounts", "link"], request, Never).await
    }

    async fn complete_auth(&self, request: &CompleteAuth) -> Result<Reply<CompletedAuth>> {
        self.post(&["connected_accounts", "complete_auth"], request, Never).await
    }

    async fn update_connected_account(&self, id: &str, request: &UpdateAccount) -> Result<Reply<Done>> {
        self.patch(&["connected_accounts", id], request).await
    }

    async fn switch_connected_account(&self, id: &str, request: SwitchAccount) -> Result<Reply<Done>> {
        self.patch(&["connected_accounts", id, "status"], &request).await
    }

    async fn delete_connected_account(&self, id: &str, query: DeleteAccount) -> Result<Reply<Done>> {
        self.command(Method::DELETE, &["connected_accounts", id], Some(&query)).await
    }

    async fn refresh_connected_account(&self, id: &str, request: &RefreshAccount) -> Result<Reply<RefreshedAccount>> {
        self.post(&["connected_accounts", id, "refresh"], request, Never).await
    }

    async fn revoke_connected_account(&self, id: &str) -> Result<Reply<RevokedAccount>> {
        self.command(Method::POST, &["connected_accounts", id, "revoke"], NO_QUERY).await
    }

    async fn list_auth_configs(&self, query: &AuthConfigsQuery) -> Result<Reply<Page<AuthConfig>>> {
        self.get(AUTH_CONFIGS, Some(query)).await
    }

    async fn get_auth_config(&self, id: &str) -> Result<Reply<AuthConfig>> {
        self.get(&["auth_configs", id], NO_QUERY).await
    }

    async fn create_auth_config(&self, request: &CreateAuthConfig) -> Result<Reply<CreatedAuthConfig>> {
        self.post(AUTH_CONFIGS, request, Never).await
    }

    async fn update_auth_config(&self, id: &str, request: &RawJson) -> Result<Reply<Done>> {
        self.patch(&["auth_configs", id], request).await
    }

    async fn switch_auth_config(&self, id: &str, enabled: bool) -> Result<Reply<Done>> {
        let status = if enabled { "ENABLED" } else { "DISABLED" };
        self.command(Method::PATCH, &["auth_configs", id, status], NO_QUERY).await
    }

    async fn delete_auth_config(&self, id: &str) -> Result<Reply<Done>> {
        self.command(Method::DELETE, &["auth_configs", id], NO_QUERY).await
    }

    async fn list_toolkits(&self, query: &ToolkitsQuery) -> Result<Reply<Page<Toolkit>>> {
        self.get(&["toolkits"], Some(query)).await
    }

    async fn get_toolkit(&self, slug: &str) -> Result<Reply<Toolkit>> {
        self.get(&["toolkits", slug], NO_QUERY).await
    }

    async fn list_tools(&self, query: &ToolsQuery) -> Result<Reply<Page<Tool>>> {
        self.get(&["tools"], Some(query)).await
    }

    async fn get_tool(&self, slug: &str) -> Result<Reply<Tool>> {
        self.get(&["tools", slug], NO_QUERY).await
    }

    async fn close(&self) -> Result<()> {
        // Idle sockets end with the client's last clone; there is nothing else to let go of.
        Ok(())
    }
}
