//! Which files of this machine may be uploaded. A model may choose the path, so that secrets are refused by default.

use std::path::{Component, Path, PathBuf};

use composio_contract::{Error, ErrorKind, Result};

/// Folders and files that hold credentials.
const SENSITIVE_SEGMENTS: &[&str] = &[
    ".aws",
    ".azure",
    ".docker",
    ".env",
    ".gcloud",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    ".ssh",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_rsa",
];
/// Endings of private keys and key stores.
const SENSITIVE_ENDINGS: &[&str] = &["kdbx", "key", "p12", "pem", "pfx"];

/// Which files of this machine may be uploaded.
///
/// ```
/// use composio_core::UploadGuard;
///
/// let guard = UploadGuard::default();
/// assert!(guard.check("/home/ada/.ssh/id_ed25519".as_ref()).is_err());
/// assert!(guard.check("/home/ada/report.pdf".as_ref()).is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct UploadGuard {
    /// Whether files that commonly hold credentials are refused.
    pub sensitive_file_upload_protection: bool,
    /// Further names of files and folders that are refused.
    pub file_upload_path_deny_segments: Vec<String>,
    /// Only files below these folders; any where it is none.
    pub file_upload_dirs: Option<Vec<PathBuf>>,
}

impl Default for UploadGuard {
    fn default() -> Self {
        Self {
            sensitive_file_upload_protection: true,
            file_upload_path_deny_segments: Vec::new(),
            file_upload_dirs: None,
        }
    }
}

impl UploadGuard {
    /// Judges a path, which is best resolved first: a link may lead elsewhere.
    ///
    /// # Errors
    /// [`ErrorKind::SensitiveFile`] and [`ErrorKind::UploadNotAllowed`].
    pub fn check(&self, path: &Path) -> Result<()> {
        let names = path.components().filter_map(|component| match component {
            Component::Normal(name) => name.to_str(),
            _ => None,
        });
        for name in names {
            let denied = |segment: &str| name.eq_ignore_ascii_case(segment);
            let named = self.file_upload_path_deny_segments.iter().any(|segment| denied(segment));
            let sensitive = SENSITIVE_SEGMENTS.iter().any(|segment| denied(segment)) || name.starts_with(".env.");
            if named || (self.sensitive_file_upload_protection && sensitive) {
                return Err(self.refuse(path, name));
            }
        }
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if self.sensitive_file_upload_protection && SENSITIVE_ENDINGS.iter().any(|key| key.eq_ignore_ascii_case(ending))
        {
            return Err(self.refuse(path, ending));
        }
        let Some(folders) = &self.file_upload_dirs else { return Ok(()) };
        let below =
            |folder: &PathBuf| path.starts_with(std::fs::canonicalize(folder).unwrap_or_else(|_| folder.clone()));
        if folders.iter().any(below) {
            return Ok(());
        }
        let open: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
        let fix = match open.is_empty() {
            true => "name its folder in file_upload_dirs; now there is none".to_owned(),
            false => format!("name its folder in file_upload_dirs; now there is {}", open.join(", ")),
        };
        let message = format!("{}: lies in none of file_upload_dirs", path.display());
        Err(Error::new(ErrorKind::UploadNotAllowed, message).with_suggested_fix(fix))
    }

    fn refuse(&self, path: &Path, name: &str) -> Error {
        Error::new(ErrorKind::SensitiveFile, format!("{}: {name} commonly holds credentials", path.display()))
            .with_suggested_fix("upload a copy, or turn off sensitive_file_upload_protection")
    }
}
