//! The index: documents, posting lists and the statistics that ranking needs.

use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use slab::Slab;

use crate::rank;
use crate::text::{Term, tokens};

/// Name, toolkit, description, parameters.
pub(crate) const FIELDS: usize = 4;

/// A tool as the index sees it.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// What a hit refers to and ties are broken by; unique within an index.
    pub id: &'a str,
    /// The tool's name, as an identifier or in words.
    pub name: &'a str,
    /// The name of the toolkit it belongs to; may be empty.
    pub toolkit: &'a str,
    /// What the tool does; may be empty.
    pub description: &'a str,
    /// The names of its parameters.
    pub parameters: &'a [&'a str],
}

/// A document that a search found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit<'a> {
    /// The document's id.
    pub id: &'a str,
    /// Its relevance, above 0. Comparable within one search only.
    pub score: f64,
}

/// An index of tools. Results depend on the documents alone, never on the order they came in.
///
/// Inserting and removing take time in proportion to the document, searching in proportion to the posting lists of the
/// query's words.
#[derive(Clone, Debug, Default)]
pub struct Index {
    pub(crate) entries: Slab<Entry>,
    slots: HashMap<Arc<str>, usize>,
    postings: FxHashMap<Term, Vec<Posting>>,
    /// The number of words in each field over all documents; whole numbers, so that removing undoes inserting.
    pub(crate) totals: [u64; FIELDS],
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: Arc<str>,
    pub(crate) lengths: [u16; FIELDS],
    terms: Box<[Term]>,
}

/// How often a term occurs in each field of one document, and the words in each field, kept here as well because ranking
/// reads the two together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posting {
    pub(crate) slot: usize,
    pub(crate) counts: [u16; FIELDS],
    pub(crate) lengths: [u16; FIELDS],
}

impl Index {
    /// An empty index.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of documents.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no documents.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds `document`, in place of one with the same id.
    pub fn insert(&mut self, document: &Document<'_>) {
        self.remove(document.id);
        let (counts, lengths) = count(document);
        let id: Arc<str> = document.id.into();
        let terms = counts.keys().copied().collect();
        let slot = self.entries.insert(Entry { id: Arc::clone(&id), lengths, terms });
        self.slots.insert(id, slot);
        for (term, counts) in counts {
            self.postings.entry(term).or_default().push(Posting { slot, counts, lengths });
        }
        for (total, length) in self.totals.iter_mut().zip(lengths) {
            *total += u64::from(length);
        }
    }

    /// Removes the document `id` and answers whether there was one.
    pub fn remove(&mut self, id: &str) -> bool {
        let Some(slot) = self.slots.remove(id) else { return false };
        let entry = self.entries.remove(slot);
        for term in &entry.terms {
            let Some(postings) = self.postings.get_mut(term) else { continue };
            postings.retain(|posting| posting.slot != slot);
            if postings.is_empty() {
                self.postings.remove(term);
            }
        }
        for (total, length) in self.totals.iter_mut().zip(entry.lengths) {
            *total -= u64::from(length);
        }
        true
    }

    /// The documents that fit `query` best among those whose id `keep` accepts, best first, at most `limit`.
    ///
    /// Equal scores are ordered by id. `keep` is asked from the best document down until the limit is reached. A query
    /// without a word the index knows finds nothing.
    pub fn search(&self, query: &str, limit: usize, keep: impl FnMut(&str) -> bool) -> Vec<Hit<'_>> {
        rank::search(&[self], query, limit, keep)
    }

    /// Like [`search`](Self::search), over this index and `overlay` as though they were one: a document of the overlay
    /// takes the place of one with the same id here.
    ///
    /// This lets many sessions share a catalogue and each add a few tools of its own.
    ///
    /// ```
    /// # use composio_search::{Document, Index};
    /// # let document = |id, name| Document { id, name, toolkit: "", description: "", parameters: &[] };
    /// let mut catalogue = Index::new();
    /// catalogue.insert(&document("MAIL_SEND", "send mail"));
    /// let mut own = Index::new();
    /// own.insert(&document("LOCAL_MAIL_ARCHIVE", "archive mail"));
    ///
    /// let hits = catalogue.search_with(&own, "archive my mail", 10, |_| true);
    /// assert_eq!(hits.iter().map(|hit| hit.id).collect::<Vec<_>>(), ["LOCAL_MAIL_ARCHIVE", "MAIL_SEND"]);
    /// ```
    pub fn search_with<'a>(
        &'a self,
        overlay: &'a Self,
        query: &str,
        limit: usize,
        keep: impl FnMut(&str) -> bool,
    ) -> Vec<Hit<'a>> {
        rank::search(&[overlay, self], query, limit, keep)
    }

    pub(crate) fn slot(&self, id: &str) -> Option<usize> {
        self.slots.get(id).copied()
    }

    pub(crate) fn postings(&self, term: Term) -> &[Posting] {
        self.postings.get(&term).map_or(&[], Vec::as_slice)
    }
}

/// How often each term occurs in each field.
type Counts = FxHashMap<Term, [u16; FIELDS]>;

/// The document's counts, and each field's length in words.
fn count(document: &Document<'_>) -> (Counts, [u16; FIELDS]) {
    let mut counts: Counts = FxHashMap::default();
    let fields: [&[&str]; FIELDS] =
        [&[document.name], &[document.toolkit], &[document.description], document.parameters];
    let mut lengths = [0_u16; FIELDS];
    for (field, (texts, length)) in fields.into_iter().zip(&mut lengths).enumerate() {
        let mut add = |term| {
            if let Some(count) = counts.entry(term).or_default().get_mut(field) {
                *count = count.saturating_add(1);
            }
        };
        for text in texts {
            let mut before = None;
            tokens(text, |token| {
                add(token.term);
                if token.joined {
                    return;
                }
                *length = length.saturating_add(1);
                token.topics.iter().copied().for_each(&mut add);
                if let Some(before) = before.replace(token.term) {
                    add(Term::pair(before, token.term));
                }
            });
        }
    }
    (counts, lengths)
}
