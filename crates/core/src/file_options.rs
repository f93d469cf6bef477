//! A client's options about files: what may be uploaded, and whether tools' files go to and fro by themselves.

use std::path::{Path, PathBuf};

use composio_contract::{Error, ErrorKind, RawJson, Result};
use serde::Deserialize;

use crate::upload_guard::UploadGuard;

/// Below this folder of the home folder lies what this library keeps for its user.
const OWN_FOLDER: &str = ".composio";
/// Moves that folder elsewhere.
const OWN_FOLDER_VARIABLE: &str = "COMPOSIO_CACHE_DIR";

/// A client's options about files.
///
/// ```
/// use composio_contract::RawJson;
/// use composio_core::FileOptions;
///
/// let options = FileOptions::read(&RawJson::parse(r#"{"file_upload_dirs": ["/srv/outbox"]}"#.to_owned())?)?;
/// assert!(options.uploads.check("/srv/outbox/report.pdf".as_ref()).is_ok());
/// assert!(options.automatic.is_none());
/// # Ok::<(), composio_contract::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FileOptions {
    /// What may be uploaded where the caller asks for it.
    pub uploads: UploadGuard,
    /// How tools' files go to and fro by themselves; none where they do not.
    pub automatic: Option<AutomaticFiles>,
}

/// How tools' files go to and fro by themselves.
#[derive(Clone, Debug)]
pub struct AutomaticFiles {
    /// What may be uploaded. A model chooses the paths, so that only folders that were named are open to it.
    pub uploads: UploadGuard,
    /// Where downloads lie; none where there is no home folder to put them.
    download_dir: Option<PathBuf>,
}

impl AutomaticFiles {
    /// Where downloads lie.
    ///
    /// # Errors
    /// [`ErrorKind::File`] where no folder was given and there is no home folder.
    pub fn download_dir(&self) -> Result<&Path> {
        self.download_dir.as_deref().ok_or_else(|| {
            Error::new(ErrorKind::File, "there is no home folder to download files to")
                .with_suggested_fix(format!("give file_download_dir, or set {OWN_FOLDER_VARIABLE}"))
        })
    }
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Given {
    sensitive_file_upload_protection: bool,
    file_upload_path_deny_segments: Vec<String>,
    file_upload_dirs: Option<Dirs>,
    file_download_dir: Option<PathBuf>,
    dangerously_allow_auto_upload_download_files: bool,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            sensitive_file_upload_protection: true,
            file_upload_path_deny_segments: Vec::new(),
            file_upload_dirs: None,
            file_download_dir: None,
            dangerously_allow_auto_upload_download_files: false,
        }
    }
}

/// The folders that uploads may come from; false is another word for none.
#[derive(Deserialize)]
#[serde(untagged)]
enum Dirs {
    Some(Vec<PathBuf>),
    Flag(bool),
}

impl FileOptions {
    /// Reads a client's options, an object with the arguments by name.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where an option is malformed.
    pub fn read(options: &RawJson) -> Result<Self> {
        Self::read_with(options, |name| std::env::var(name).ok())
    }

    /// The same with another environment.
    ///
    /// # Errors
    /// As [`FileOptions::read`].
    pub fn read_with(options: &RawJson, env: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let given: Given = options.decode("file options")?;
        let dirs = match given.file_upload_dirs {
            None => None,
            Some(Dirs::Some(dirs)) => Some(dirs.into_iter().map(expand).collect()),
            Some(Dirs::Flag(false)) => Some(Vec::new()),
            Some(Dirs::Flag(true)) => {
                return Err(Error::validation("file_upload_dirs: expected a list of folders, or false for none"));
            }
        };
        let uploads = UploadGuard {
            sensitive_file_upload_protection: given.sensitive_file_upload_protection,
            file_upload_path_deny_segments: given.file_upload_path_deny_segments,
            file_upload_dirs: dirs,
        };
        let own = env(OWN_FOLDER_VARIABLE).filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let home = std::env::home_dir().map(|home| home.join(OWN_FOLDER));
        let automatic = given.dangerously_allow_auto_upload_download_files.then(|| AutomaticFiles {
            uploads: UploadGuard {
                file_upload_dirs: uploads
                    .file_upload_dirs
                    .clone()
                    .or_else(|| Some(home.iter().map(|home| home.join("temp")).collect())),
                ..uploads.clone()
            },
            download_dir: given
                .file_download_dir
                .filter(|folder| !folder.as_os_str().is_empty())
                .map(expand)
                .or_else(|| own.or_else(|| home.clone()).map(|folder| folder.join("files"))),
        });
        Ok(Self { uploads, automatic })
    }
}

/// The folder that a text names, `~` being the home folder.
fn expand(folder: PathBuf) -> PathBuf {
    match (folder.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => folder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &str) -> Result<FileOptions> {
        FileOptions::read_with(&RawJson::parse(options.to_owned()).unwrap(), |name| {
            (name == OWN_FOLDER_VARIABLE).then(|| "/var/cache/agent".to_owned())
        })
    }

    #[test]
    fn nothing_goes_by_itself_unless_asked_for() {
        assert!(read("{}").unwrap().automatic.is_none());
        assert!(read(r#"{"dangerously_allow_auto_upload_download_files": false}"#).unwrap().automatic.is_none());
    }

    #[test]
    fn a_model_reaches_one_folder_unless_more_are_named() {
        let automatic = read(r#"{"dangerously_allow_auto_upload_download_files": true}"#).unwrap().automatic.unwrap();
        let home = std::env::home_dir().unwrap();
        assert!(automatic.uploads.check(&home.join(".composio/temp/a.txt")).is_ok());
        assert_eq!(automatic.uploads.check(&home.join("a.txt")).unwrap_err().kind(), ErrorKind::UploadNotAllowed);
        assert_eq!(automatic.download_dir().unwrap(), Path::new("/var/cache/agent/files"));
    }

    #[test]
    fn false_is_no_folder_and_true_is_a_mistake() {
        let options = read(r#"{"file_upload_dirs": false}"#).unwrap();
        assert_eq!(options.uploads.check("/a".as_ref()).unwrap_err().kind(), ErrorKind::UploadNotAllowed);
        assert_eq!(read(r#"{"file_upload_dirs": true}"#).unwrap_err().kind(), ErrorKind::Validation);
    }
}
