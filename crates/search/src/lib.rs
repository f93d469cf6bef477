//! An in-memory, incremental, deterministic index that finds tools by use case.
//!
//! Ranking is BM25F: a word counts by how rare it is among the tools, by the field it stands in and by that field's
//! length. Three additions suit requests in plain language over short descriptions: adjacent words that stay adjacent
//! count extra, words that only phrase a request count less, and words of one topic ("flight", "airline") meet where
//! the words themselves do not.
//!
//! ```
//! use composio_search::{Document, Index};
//!
//! let mut index = Index::new();
//! index.insert(&Document {
//!     id: "GITHUB_CREATE_ISSUE",
//!     name: "create_issue",
//!     toolkit: "GitHub",
//!     description: "Opens an issue in a repository.",
//!     parameters: &["owner", "repo", "title"],
//! });
//! index.insert(&Document {
//!     id: "GMAIL_SEND_EMAIL",
//!     name: "send_email",
//!     toolkit: "Gmail",
//!     description: "Sends a message to one or more recipients.",
//!     parameters: &["to", "subject", "body"],
//! });
//!
//! let hits = index.search("report a bug by opening an issue", 5, |_| true);
//! assert_eq!(hits[0].id, "GITHUB_CREATE_ISSUE");
//! ```

mod index;
mod rank;
mod text;

pub use index::{Document, Hit, Index};
