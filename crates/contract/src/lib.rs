//! Wire types of the v3.1 tool-router contract and the [`Backend`] trait.
//!
//! This is the narrow waist of the project: session logic above speaks only to a [`Backend`], and whatever
//! answers below, a hosted service or the embedded router, implements only that. Nothing here does I/O.
//!
//! Payloads that the session logic does not inspect stay [`RawJson`], the text as it came, so that numbers,
//! key order and unknown fields reach the caller unchanged. A whole answer is a [`Reply`]: the text, and a typed
//! view of the fields that are read.

mod accounts;
mod auth_configs;
mod backend;
mod custom;
mod error;
mod execute;
mod files;
mod json;
mod search;
mod session;
mod settings;
mod toolkits;
mod tools;

pub use accounts::{
    AccountLinkRequest, AccountRef, AuthConfigRef, CompleteAuth, CompletedAuth, ConnectedAccount,
    ConnectedAccountsQuery, CreateAccount, CreatedAccount, DeleteAccount, Done, IdRef, LinkReply, LinkRequest,
    NewConnection, RefreshAccount, RefreshedAccount, RevokedAccount, SwitchAccount, UpdateAccount,
};
pub use auth_configs::{AuthConfig, AuthConfigsQuery, CreateAuthConfig, CreatedAuthConfig, SlugRef};
pub use backend::{Backend, BoxError};
pub use custom::{LOCAL_PREFIX, check_custom_slug, check_slug_characters, final_custom_slug, is_custom_slug};
pub use error::{Error, ErrorKind, Result};
pub use execute::{
    ExecuteMetaRequest, ExecuteReply, ExecuteRequest, ProxyExecuteRequest, ProxyParameter, ProxyReply, ResultType,
};
pub use files::{
    DownloadUrl, FileItem, FileList, FileListQuery, FileUpload, FileUploadRequest, MountPath, UploadRequest, UploadUrl,
};
pub use json::{Extra, Patch, RawJson, Reply};
pub use search::{SearchQuery, SearchReply, SearchRequest, SearchResult, SearchedTool, TimeInfo};
pub use session::{
    AttachSession, ConfigVersion, CreateSession, DeletedSession, Experimental, McpServer, Session, UpdateSession,
};
pub use settings::{
    Accounts, AssistivePromptConfig, ExecuteSettings, ExperimentalSettings, Filter, ManageConnections, MultiAccount,
    PermissionDefault, PermissionOverride, Permissions, Preload, PreloadTools, Selection, SessionConfig, Settings,
    StoredManageConnections, StoredPreload, Switch, ToolFilter, ToolSelection,
};
pub use toolkits::{Page, PageQuery, SessionToolkit, SessionToolkitsQuery, Toolkit, ToolkitMeta, ToolkitsQuery};
pub use tools::{CustomTool, CustomToolkit, CustomTools, Tool, ToolToolkit, ToolsQuery};
