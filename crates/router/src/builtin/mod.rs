//! Toolkits that run in this process: files, SQLite, time and HTTP.

mod content;
pub mod files;
pub mod http;
mod schema;
pub mod sqlite;
pub mod time;
mod toolkit;

use std::sync::Arc;

pub use self::toolkit::Builtin;
use crate::source::Source;
use composio_egress::Egress;

/// Which of the built-in toolkits a router serves. By default all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// [`files`].
    pub files: bool,
    /// [`sqlite`].
    pub sqlite: bool,
    /// [`time`].
    pub time: bool,
    /// [`http`].
    pub http: bool,
}

impl Default for Selection {
    fn default() -> Self {
        Self { files: true, sqlite: true, time: true, http: true }
    }
}

/// The selected toolkits.
///
/// ```
/// use composio_router::builtin::{self, Selection};
/// use composio_egress::{Egress, EgressOptions};
///
/// let egress = Egress::new(EgressOptions::default())?.into();
/// let sources = builtin::sources(Selection { http: false, ..Selection::default() }, &egress);
/// let slugs: Vec<_> = sources.iter().map(|source| source.toolkit().slug.as_str()).collect();
/// assert_eq!(slugs, ["files", "sqlite", "time"]);
/// # Ok::<(), composio_contract::Error>(())
/// ```
#[must_use]
pub fn sources(selection: Selection, egress: &Arc<Egress>) -> Vec<Arc<dyn Source>> {
    let mut sources: Vec<Arc<dyn Source>> = Vec::new();
    if selection.files {
        sources.push(Arc::new(files::toolkit()));
    }
    if selection.sqlite {
        sources.push(Arc::new(sqlite::toolkit()));
    }
    if selection.time {
        sources.push(Arc::new(time::toolkit()));
    }
    if selection.http {
        sources.push(Arc::new(http::toolkit(egress)));
    }
    sources
}

/// All four toolkits.
#[must_use]
pub fn all(egress: &Arc<Egress>) -> Vec<Arc<dyn Source>> {
    sources(Selection::default(), egress)
}
