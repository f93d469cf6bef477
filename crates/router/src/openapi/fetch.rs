//! Getting a document: from a file, or from the web with a copy on the disk.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use composio_contract::{Error, ErrorKind, Result};
use composio_egress::{Egress, Request};
use composio_openapi::MAX_BYTES;
use composio_vault::private;
use data_encoding::HEXLOWER;
use reqwest::header::{ACCEPT, ETAG, HeaderValue, IF_NONE_MATCH};
use sha2::{Digest, Sha256};
use url::Url;

use super::config::{DocumentPlace, OpenApiConfig};
use crate::workspace::blocking;

/// A copy younger than this is used without asking.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A document's text, and where it came from.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) text: String,
    pub(super) url: Option<Url>,
}

/// The document, where it is on this machine and can be read.
pub(super) fn at_hand(place: &DocumentPlace) -> Option<Fetched> {
    let text = match place {
        DocumentPlace::Text(text) => text.as_ref().to_owned(),
        DocumentPlace::File(path) => std::fs::read_to_string(path).ok()?,
        DocumentPlace::Url(_) => return None,
    };
    Some(Fetched { text, url: None })
}

/// Reads the document.
///
/// # Errors
/// [`ErrorKind::Configuration`] where it cannot be read, with the place.
pub(super) async fn document(config: &OpenApiConfig, egress: &Egress) -> Result<Fetched> {
    match &config.document {
        DocumentPlace::Text(text) => Ok(Fetched { text: text.as_ref().to_owned(), url: None }),
        DocumentPlace::File(path) => {
            let (path, place) = (path.clone(), config.document.to_string());
            let text = blocking::run(move |_| {
                std::fs::read_to_string(&path).map_err(|error| {
                    Error::new(
                        ErrorKind::Configuration,
                        format!("the OpenAPI document {place} cannot be read: {error}"),
                    )
                    .with_source(error)
                })
            })
            .await?;
            Ok(Fetched { text, url: None })
        }
        DocumentPlace::Url(url) => {
            let copy = config.cache.as_deref().map(|folder| copy_of(folder, url));
            let text = from_web(url, copy, egress).await.map_err(|error| {
                let place = &config.document;
                Error::new(ErrorKind::Configuration, format!("the OpenAPI document {place} cannot be fetched: {error}"))
            })?;
            Ok(Fetched { text, url: Some(url.clone()) })
        }
    }
}

fn copy_of(folder: &Path, url: &Url) -> PathBuf {
    folder.join(format!("{}.openapi", HEXLOWER.encode(&Sha256::digest(url.as_str()))))
}

/// A copy on the disk.
#[derive(Debug)]
struct Copy {
    text: String,
    etag: Option<String>,
    is_fresh: bool,
}

async fn from_web(url: &Url, place: Option<PathBuf>, egress: &Egress) -> Result<String> {
    let known = match place.clone() {
        Some(place) => blocking::run(move |_| Ok(read_copy(&place))).await?,
        None => None,
    };
    if let Some(copy) = known.as_ref().filter(|copy| copy.is_fresh) {
        return Ok(copy.text.clone());
    }
    match (fetch(url, known.as_ref().and_then(|copy| copy.etag.as_deref()), egress).await, known) {
        (Ok(Answer::Same), Some(copy)) => {
            keep(place, copy.text.clone(), copy.etag).await;
            Ok(copy.text)
        }
        (Ok(Answer::Same), None) => Err(Error::new(ErrorKind::InvalidReply, "it answers 304 without being asked")),
        (Ok(Answer::New { text, etag }), _) => {
            keep(place, text.clone(), etag).await;
            Ok(text)
        }
        (Err(error), Some(copy)) => {
            tracing::warn!(%error, "an OpenAPI document cannot be fetched; its last copy is used");
            Ok(copy.text)
        }
        (Err(error), None) => Err(error),
    }
}

enum Answer {
    Same,
    New { text: String, etag: Option<String> },
}

async fn fetch(url: &Url, etag: Option<&str>, egress: &Egress) -> Result<Answer> {
    let mut request = Request::get(url.as_str())?;
    request.limit = MAX_BYTES;
    request.time_limit = TIME_LIMIT;
    request.headers.insert(ACCEPT, HeaderValue::from_static("application/json, application/yaml, */*;q=0.5"));
    if let Some(etag) = etag.and_then(|etag| HeaderValue::try_from(etag).ok()) {
        request.headers.insert(IF_NONE_MATCH, etag);
    }
    let response = egress.send(request).await?.complete()?;
    if response.status.as_u16() == 304 {
        return Ok(Answer::Same);
    }
    if !response.status.is_success() {
        return Err(Error::new(ErrorKind::InvalidReply, format!("it answers {}", response.status)));
    }
    let etag = response.headers.get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    let text = String::from_utf8(response.body.into())
        .map_err(|_| Error::new(ErrorKind::InvalidReply, "it answers with what is no UTF-8 text"))?;
    Ok(Answer::New { text, etag })
}

/// The first line of a copy is its tag.
fn read_copy(place: &Path) -> Option<Copy> {
    let age = place.metadata().and_then(|found| found.modified()).ok();
    let age = age.and_then(|written| SystemTime::now().duration_since(written).ok());
    let whole = std::fs::read_to_string(place).ok()?;
    let (etag, text) = whole.split_once('\n')?;
    let etag = (!etag.is_empty()).then(|| etag.to_owned());
    Some(Copy { text: text.to_owned(), etag, is_fresh: age.is_some_and(|age| age < FRESH) })
}

/// Writes a copy in one step. A disk that takes none is no reason to fail.
async fn keep(place: Option<PathBuf>, text: String, etag: Option<String>) {
    let Some(place) = place else { return };
    let written = blocking::run(move |_| {
        let write = || {
            let folder = place.parent().unwrap_or(Path::new("."));
            private::make_folder(folder)?;
            let fresh = folder.join(format!(".{}.{}", uuid::Uuid::now_v7().simple(), std::process::id()));
            let mut file = private::options().write(true).create_new(true).open(&fresh)?;
            file.write_all(format!("{}\n{text}", etag.as_deref().unwrap_or_default()).as_bytes())?;
            std::fs::rename(&fresh, &place)
        };
        write().map_err(|error| Error::new(ErrorKind::File, error.to_string()))
    });
    if let Err(error) = written.await {
        tracing::warn!(%error, "an OpenAPI document cannot be kept on the disk");
    }
}
