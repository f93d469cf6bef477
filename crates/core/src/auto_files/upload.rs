//! Uploading the files that a tool's arguments name.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use composio_contract::{Backend, Error, ErrorKind, FileUploadRequest, RawJson, Result};
use md5::{Digest, Md5};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ToolFiles;
use crate::files::{fetch, file_name, read};
use crate::upload_guard::UploadGuard;

/// What nothing better is known of.
const BINARY: &str = "application/octet-stream";

/// A file that is to be uploaded by itself, for the caller's own code to judge first.
#[derive(Clone, Debug, Serialize)]
pub struct PendingUpload {
    /// Names the upload within its run.
    pub id: usize,
    /// The path or URL, as the arguments have it.
    pub path: String,
    /// `path` or `url`.
    pub source: &'static str,
    /// The tool that the file is for.
    pub tool: String,
    /// The toolkit of the tool.
    pub toolkit: String,
}

/// What the caller's own code made of a [`PendingUpload`]. An upload without an answer goes on as it is.
#[derive(Clone, Debug, Deserialize)]
pub struct UploadAnswer {
    /// The upload.
    pub id: usize,
    /// What to upload: the same or another path or URL. None refuses the upload.
    #[serde(default)]
    pub path: Option<String>,
}

/// A path or URL among a tool's arguments.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) tool: Arc<ToolFiles>,
    pub(super) path: String,
    refused: bool,
}

/// A file that may be uploaded and has been read.
pub(super) struct Checked {
    name: String,
    mimetype: String,
    content: Bytes,
}

impl Source {
    pub(super) fn new(tool: Arc<ToolFiles>, path: String) -> Self {
        Self { tool, path, refused: false }
    }

    pub(super) fn pending(&self, id: usize) -> PendingUpload {
        PendingUpload {
            id,
            path: self.path.clone(),
            source: if is_url(&self.path) { "url" } else { "path" },
            tool: self.tool.slug.clone(),
            toolkit: self.tool.toolkit.clone(),
        }
    }

    pub(super) fn answer(&mut self, answer: UploadAnswer) {
        match answer.path {
            Some(path) => self.path = path,
            None => self.refused = true,
        }
    }

    /// Reads the file, or says why it may not be uploaded.
    pub(super) async fn check(&self, guard: &UploadGuard) -> Result<Checked> {
        if self.refused {
            let message = format!("{}: a modifier refused the upload", self.path);
            return Err(Error::new(ErrorKind::UploadNotAllowed, message));
        }
        if !is_url(&self.path) {
            let (path, content) = read(PathBuf::from(&self.path), guard.clone()).await?;
            let name = file_name(&path.to_string_lossy())?;
            let mimetype = guess(&name).unwrap_or(BINARY).to_owned();
            return Ok(Checked { name, mimetype, content });
        }
        let response = fetch(&self.path, ErrorKind::Upload).await?;
        let name = percent_decode_str(response.url.path()).decode_utf8_lossy();
        let named = file_name(&name).unwrap_or_else(|_| "file".to_owned());
        let mimetype = response.media_type().or_else(|| guess(&named).map(str::to_owned));
        Ok(Checked { name: named, mimetype: mimetype.unwrap_or_else(|| BINARY.to_owned()), content: response.body })
    }
}

impl Checked {
    /// Uploads the file for a tool; answers with what the tool takes in its place.
    pub(super) async fn send(self, tool: &ToolFiles, backend: &dyn Backend) -> Result<RawJson> {
        let request = FileUploadRequest {
            toolkit_slug: tool.toolkit.clone(),
            tool_slug: tool.slug.clone(),
            md5: Md5::digest(&self.content).iter().map(|byte| format!("{byte:02x}")).collect(),
            filename: self.name,
            mimetype: self.mimetype,
        };
        let place = backend.request_upload(&request).await?;
        backend.put_file(&place.new_presigned_url, Some(&request.mimetype), self.content).await?;
        Ok(RawJson::from(json!({"name": request.filename, "mimetype": request.mimetype, "s3key": place.key})))
    }
}

fn guess(name: &str) -> Option<&'static str> {
    mime_guess::from_path(name).first_raw()
}

fn is_url(source: &str) -> bool {
    ["https://", "http://"]
        .iter()
        .any(|scheme| source.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}
