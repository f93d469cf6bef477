//! Downloading the files that a tool's result names.

use std::path::Path;

use bytes::Bytes;
use composio_contract::{Error, ErrorKind, RawJson, Result};
use serde::Deserialize;
use url::Url;

use super::schema::Change;
use super::{Object, ToolFiles};
use crate::client::Client;
use crate::file_options::AutomaticFiles;
use crate::files::{self, FILE_LIMIT, blocking, file_name, local, write_new};

/// What says that a file of a result could not be downloaded.
const FAILURE: &str = "download_error";

/// A file as a tool's result has it.
#[derive(Deserialize)]
struct Remote {
    s3url: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default, rename = "download_error")]
    failure: Option<RawJson>,
}

impl ToolFiles {
    /// Downloads the files of a result and answers with it as it is then; none where it has no file.
    ///
    /// The tool has run already: a file that cannot be downloaded stays what it was, with the reason beside it, so that
    /// nobody runs the tool a second time for want of its result.
    pub(super) async fn downloaded(&self, data: &RawJson, client: &Client, to: &AutomaticFiles) -> Option<RawJson> {
        let schema = self.downloads.as_ref()?;
        let mut found = Vec::new();
        let walked = schema.walk(data, &mut |leaf| {
            Ok(match leaf.decode::<Remote>("file") {
                Ok(file) if file.failure.is_none() => {
                    found.push((file, leaf.clone()));
                    Change::Replace(RawJson::empty_object())
                }
                _ => Change::Keep,
            })
        });
        walked.ok()??;
        let mut replaced = Vec::with_capacity(found.len());
        for (file, leaf) in found {
            replaced.push(match self.save(&file, client, to).await {
                Ok(path) => RawJson::encode(&path).ok()?,
                Err(error) => {
                    let mut fields: Object = leaf.decode("file").ok()?;
                    fields.insert(FAILURE.to_owned(), RawJson::encode(&error.to_string()).ok()?);
                    RawJson::encode(&fields).ok()?
                }
            });
        }
        let mut replaced = replaced.into_iter();
        schema
            .walk(data, &mut |leaf| {
                Ok(match leaf.decode::<Remote>("file") {
                    Ok(file) if file.failure.is_none() => replaced.next().map_or(Change::Keep, Change::Replace),
                    _ => Change::Keep,
                })
            })
            .ok()?
    }

    /// Saves a file below the folder of downloads, in one of the toolkit and the tool, and answers with its path.
    async fn save(&self, file: &Remote, client: &Client, to: &AutomaticFiles) -> Result<String> {
        let name = match &file.name {
            Some(name) => file_name(name)?,
            None => file_name(file.s3url.split(['?', '#']).next().unwrap_or_default())?,
        };
        // All of it comes from the backend's answers, which must not choose the folder.
        let folder = to.download_dir()?.join(folder_name(&self.toolkit)?).join(folder_name(&self.slug)?);
        let content = content(&file.s3url, client).await?;
        let path = blocking(move || {
            std::fs::create_dir_all(&folder).map_err(|error| local(&folder, &error))?;
            write_new(&folder, &name, &content)
        })
        .await?;
        text(&path)
    }
}

/// A part of a path that cannot lead elsewhere.
fn folder_name(part: &str) -> Result<&str> {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if part.is_empty() || !part.chars().all(safe) {
        return Err(Error::new(ErrorKind::UnsafePath, format!("{part:?} cannot be the name of a folder")));
    }
    Ok(part)
}

fn text(path: &Path) -> Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Error::new(ErrorKind::File, format!("{}: the path is no Unicode text", path.display())))
}

/// What a URL of a result leads to. A tool may put any URL there: only the backend itself may be an address of this
/// machine or its network.
async fn content(url: &str, client: &Client) -> Result<Bytes> {
    let backend = client.backend()?;
    let origin = |url: &str| Url::parse(url).ok().map(|url| url.origin());
    let own = backend.base_url().and_then(origin);
    if own.is_some() && own == origin(url) {
        return backend.get_file(url, FILE_LIMIT).await;
    }
    files::content(url).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolkit_cannot_choose_the_folder() {
        assert_eq!(folder_name("google_drive").unwrap(), "google_drive");
        for part in ["", "..", ".", "a/b", "a\\b", "c:", "x\0y"] {
            assert_eq!(folder_name(part).unwrap_err().kind(), ErrorKind::UnsafePath, "{part:?}");
        }
    }
}
