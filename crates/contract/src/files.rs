//! The session's file mount, and files for tools.

use serde::{Deserialize, Serialize};

/// `GET /tool_router/session/{session_id}/mounts/{mount_id}/items`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileListQuery {
    /// Only below this path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_relative_prefix: Option<String>,
    /// At most so many a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A page of files.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FileList {
    /// The files.
    pub items: Vec<FileItem>,
    /// Where the next page starts; none on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A file on the mount.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileItem {
    /// The path on the mount.
    pub mount_relative_path: String,
    /// The folder in which the sandbox sees the mount.
    pub sandbox_mount_prefix: String,
    /// Bytes.
    pub size: u64,
    /// RFC 3339.
    pub last_modified: String,
}

/// `POST .../download_url` and `POST .../delete`; also the answer to the latter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountPath {
    /// The path on the mount.
    pub mount_relative_path: String,
    /// In answers: the folder in which the sandbox sees the mount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox_mount_prefix: Option<String>,
}

/// `POST .../upload_url`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadRequest {
    /// The path on the mount.
    pub mount_relative_path: String,
    /// The media type of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mimetype: Option<String>,
}

/// Where to put a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UploadUrl {
    /// A presigned URL for one `PUT`.
    pub upload_url: String,
    /// RFC 3339.
    pub expires_at: String,
    /// The path on the mount.
    pub mount_relative_path: String,
    /// The folder in which the sandbox sees the mount.
    pub sandbox_mount_prefix: String,
}

/// Where to get a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DownloadUrl {
    /// A presigned URL for `GET`.
    pub download_url: String,
    /// RFC 3339.
    pub expires_at: String,
    /// The path on the mount.
    pub mount_relative_path: String,
    /// The folder in which the sandbox sees the mount.
    pub sandbox_mount_prefix: String,
}

/// `POST /files/upload/request`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileUploadRequest {
    /// The toolkit of the tool.
    pub toolkit_slug: String,
    /// The tool that the file is for.
    pub tool_slug: String,
    /// The name of the file, without a folder.
    pub filename: String,
    /// The media type of the file.
    pub mimetype: String,
    /// The MD5 of the content, in hexadecimal digits.
    pub md5: String,
}

/// Where to put a file for a tool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileUpload {
    /// The upload's id.
    pub id: String,
    /// What the tool is given as `s3key`.
    pub key: String,
    /// A presigned URL for one `PUT`.
    pub new_presigned_url: String,
}
