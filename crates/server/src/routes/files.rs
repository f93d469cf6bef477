//! The file mount, and the URLs at which its files are put and got.

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse as _;
use composio_contract::{Backend as _, FileListQuery, MountPath, Reply, UploadRequest};
use composio_router::FILE_URL_SCHEME;

use super::base::Base;
use super::{Answer, Call, call, send};
use crate::access::Caller;
use crate::app::App;
use crate::extract::{Json, Place, Query, read};

/// Under this name files of all callers count together.
const SLOT: &str = "files";

pub(super) fn calls() -> Vec<Call> {
    vec![
        call(Method::GET, "/tool_router/session/{session_id}/mounts/{mount_id}/items", list),
        call(Method::POST, "/tool_router/session/{session_id}/mounts/{mount_id}/upload_url", upload_url),
        call(Method::POST, "/tool_router/session/{session_id}/mounts/{mount_id}/download_url", download_url),
        call(Method::POST, "/tool_router/session/{session_id}/mounts/{mount_id}/delete", delete),
    ]
}

async fn list(
    Caller(router): Caller,
    Place((id, mount)): Place<(String, String)>,
    Query(query): Query<FileListQuery>,
) -> Answer {
    send(router.list_files(&id, &mount, &query).await)
}

async fn upload_url(
    Caller(router): Caller,
    base: Base,
    Place((id, mount)): Place<(String, String)>,
    Json(request): Json<UploadRequest>,
) -> Answer {
    let (_, mut reply) = router.upload_url(&id, &mount, &request).await?.into_parts();
    reply.upload_url = base.file(&reply.upload_url);
    send(Reply::encode(reply))
}

async fn download_url(
    Caller(router): Caller,
    base: Base,
    Place((id, mount)): Place<(String, String)>,
    Json(request): Json<MountPath>,
) -> Answer {
    let (_, mut reply) = router.download_url(&id, &mount, &request).await?.into_parts();
    reply.download_url = base.file(&reply.download_url);
    send(Reply::encode(reply))
}

async fn delete(
    Caller(router): Caller,
    Place((id, mount)): Place<(String, String)>,
    Json(request): Json<MountPath>,
) -> Answer {
    send(router.delete_file(&id, &mount, &request).await)
}

/// Puts a file. The ticket in the URL says where, and in which project.
pub(super) async fn put(State(app): State<App>, Place(ticket): Place<String>, request: Request) -> Answer {
    let _slot = app.slots().take(SLOT)?;
    let content = read(request, "a file", app.options().file_limit).await?;
    app.router().put_file(&format!("{FILE_URL_SCHEME}{ticket}"), None, content).await?;
    Ok(StatusCode::OK.into_response())
}

/// Gets a file. A browser is to save it, never to show it under the server's own origin.
pub(super) async fn get(State(app): State<App>, Place(ticket): Place<String>) -> Answer {
    let _slot = app.slots().take(SLOT)?;
    let limit = u64::try_from(app.options().file_limit).unwrap_or(u64::MAX);
    let content = app.router().get_file(&format!("{FILE_URL_SCHEME}{ticket}"), limit).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    Ok((headers, content).into_response())
}
