//! The file mount, and the URLs at which its files are put and got.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::IntoResponse as _;
use bytes::Bytes;
use composio_contract::{Backend as _, Error, ErrorKind, FileListQuery, MountPath, Reply, Result, UploadRequest};
use composio_router::FILE_URL_SCHEME;
use composio_router::workspace::Outgoing;
use futures_util::stream;

use super::base::Base;
use super::{Answer, Call, call, send};
use crate::access::{self, Caller};
use crate::app::App;
use crate::connections::Busy;
use crate::extract::{self, Json, Place, Query};
use crate::pace;
use crate::problem::Problem;
use crate::shares::Share;

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

/// Puts a file. The ticket in the URL says where, and in which project. It is looked at before anything of the file is.
pub(super) async fn put(State(app): State<App>, Place(ticket): Place<String>, request: Request) -> Answer {
    let (parts, mut body) = request.into_parts();
    let limit = app.options().file_limit;
    let too_large = |size: u64| size > limit as u64;
    let length = extract::length(&parts.headers).unwrap_or_default();
    // There is no need for room for what is not taken.
    let room = if too_large(length) { 0 } else { length };
    let mut upload = app.router().receive_file(&format!("{FILE_URL_SCHEME}{ticket}"), room).await?;
    if too_large(length) {
        return Err(Problem::too_large("a file", limit));
    }
    let _share = app.file_share(upload.owner(), access::client(&parts))?;
    let _busy = access::busy(&parts);
    let mut size = 0_u64;
    while let Some(piece) = pace::piece(&mut body).await {
        let piece = piece.map_err(|error| extract::broken_off(&error))?;
        size = size.saturating_add(piece.len() as u64);
        if too_large(size) {
            return Err(Problem::too_large("a file", limit));
        }
        upload.write(piece).await?;
    }
    upload.finish().await?;
    Ok(StatusCode::OK.into_response())
}

/// Gets a file. A browser is to save it, never to show it under the server's own origin.
pub(super) async fn get(State(app): State<App>, Place(ticket): Place<String>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let limit = u64::try_from(app.options().file_limit).unwrap_or(u64::MAX);
    let (owner, file) = app.router().send_file(&format!("{FILE_URL_SCHEME}{ticket}"), limit).await?;
    let share = app.file_share(owner, access::client(&parts))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CONTENT_LENGTH, file.size().into()),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    let end = Instant::now() + app.options().file_timeout;
    // Its place is taken until the last of it was sent, or the client is gone.
    let sending = Sending { file, end, _share: share, _busy: access::busy(&parts) };
    Ok((headers, Body::from_stream(stream::try_unfold(sending, Sending::next))).into_response())
}

/// A file that is being sent.
struct Sending {
    file: Outgoing,
    end: Instant,
    _share: Share,
    _busy: Option<Busy>,
}

impl Sending {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        if Instant::now() >= self.end {
            return Err(Error::new(ErrorKind::Timeout, "the file took too long to send"));
        }
        let piece = self.file.next().await.inspect_err(|error| tracing::warn!(%error, "a file could not be sent"))?;
        Ok(piece.map(|piece| (piece, self)))
    }
}
