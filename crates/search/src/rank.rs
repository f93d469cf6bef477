//! BM25F over one index, or over several as though they were one.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashSet};

use crate::index::{FIELDS, Hit, Index, Posting};
use crate::text::{Term, tokens};

/// How much a word counts by the field it stands in: name, toolkit, description, parameters.
const FIELD_WEIGHT: [f64; FIELDS] = [1.2, 1.2, 1.0, 1.8];
/// How much the field's length counts, from 0, not at all, to 1, in full.
const LENGTH_WEIGHT: [f64; FIELDS] = [0.9, 0.75, 0.4, 0.5];
/// The weighted count of a word that scores half of what any number of occurrences can.
const SATURATION: f64 = 1.2;
/// The power of a word's count in the query: a request that repeats a word hardly means it more.
const REPETITION: f64 = 0.3;
/// How much two words of the query add by being adjacent in a document too, against a word.
const PAIR: f64 = 0.6;
/// How much a topic counts, against a word, in a document that has none of the query's words of that topic.
const TOPIC: f64 = 0.8;
/// How much a score grows when the query has every word of the tool's name.
const NAME_COVERAGE: f64 = 0.2;

pub(crate) fn search<'a>(
    layers: &[&'a Index],
    query: &str,
    limit: usize,
    mut keep: impl FnMut(&str) -> bool,
) -> Vec<Hit<'a>> {
    let mut candidates = Corpus::new(layers).candidates(&parse(query));
    let mut hits = Vec::new();
    while hits.len() < limit
        && let Some(Candidate(hit)) = candidates.pop()
    {
        if keep(hit.id) {
            hits.push(hit);
        }
    }
    hits
}

/// A query's distinct terms in order of first occurrence, so that scores always add up in the same order.
type Query = IndexMap<Term, QueryTerm, FxBuildHasher>;

struct QueryTerm {
    kind: Kind,
    count: u32,
    weight: f64,
}

enum Kind {
    Word,
    Pair,
    /// A topic, with the words of the query that belong to it.
    Topic(Vec<Term>),
}

fn parse(text: &str) -> Query {
    let mut query = Query::default();
    let mut before = None;
    tokens(text, |token| {
        let mut add = |term, kind: fn() -> Kind, weight| {
            let entry = query.entry(term).or_insert_with(|| QueryTerm { kind: kind(), count: 0, weight });
            entry.count = entry.count.saturating_add(1);
        };
        add(token.term, || Kind::Word, token.weight);
        if token.joined {
            return;
        }
        if let Some(before) = before.replace(token.term) {
            add(Term::pair(before, token.term), || Kind::Pair, PAIR);
        }
        for &topic in token.topics {
            let entry = query.entry(topic).or_insert_with(|| QueryTerm {
                kind: Kind::Topic(Vec::new()),
                count: 0,
                weight: TOPIC,
            });
            if let Kind::Topic(words) = &mut entry.kind
                && !words.contains(&token.term)
            {
                words.push(token.term);
                entry.count = entry.count.saturating_add(1);
            }
        }
    });
    query
}

/// Several indexes as one: a document hides those of the same id in later layers.
struct Corpus<'a> {
    layers: Vec<Layer<'a>>,
    documents: f64,
    /// The length norm of each field: a constant, and a factor of the field's length.
    norms: [(f64, f64); FIELDS],
}

struct Layer<'a> {
    index: &'a Index,
    /// Where the layer's documents begin among all.
    offset: usize,
    hidden: FxHashSet<usize>,
}

/// What a search knows of a document so far.
#[derive(Clone, Default)]
struct Tally {
    score: f64,
    /// How many words of the query its name has.
    named: u32,
    /// The last topic of which it was seen to have a word of the query.
    topic: Option<Term>,
}

impl<'a> Corpus<'a> {
    fn new(indexes: &[&'a Index]) -> Self {
        let mut layers: Vec<Layer<'a>> = Vec::with_capacity(indexes.len());
        let mut offset = 0;
        let mut documents = 0;
        let mut totals = [0_u64; FIELDS];
        for &index in indexes {
            let above = layers.iter().flat_map(|layer| layer.index.entries.iter());
            let hidden: FxHashSet<usize> = above.filter_map(|(_, entry)| index.slot(&entry.id)).collect();
            documents += index.len() - hidden.len();
            for (total, length) in totals.iter_mut().zip(index.totals) {
                *total += length;
            }
            for entry in hidden.iter().filter_map(|slot| index.entries.get(*slot)) {
                for (total, length) in totals.iter_mut().zip(entry.lengths) {
                    *total -= u64::from(length);
                }
            }
            layers.push(Layer { index, offset, hidden });
            offset += index.entries.capacity();
        }
        let documents = documents as f64;
        let mut norms = [(1.0, 0.0); FIELDS];
        for ((norm, weight), total) in norms.iter_mut().zip(LENGTH_WEIGHT).zip(totals) {
            if total > 0 {
                *norm = (1.0 - weight, weight * documents / total as f64);
            }
        }
        Self { layers, documents, norms }
    }

    fn postings(&self, term: Term) -> impl Iterator<Item = (usize, &'a Posting)> {
        self.layers.iter().flat_map(move |layer| {
            let postings = layer.index.postings(term).iter();
            let visible = postings.filter(|posting| !layer.hidden.contains(&posting.slot));
            visible.map(|posting| (layer.offset + posting.slot, posting))
        })
    }

    fn candidates(&self, query: &Query) -> BinaryHeap<Candidate<'a>> {
        let slots = self.layers.iter().map(|layer| layer.index.entries.capacity()).sum();
        let mut tallies = vec![Tally::default(); slots];
        for (&term, QueryTerm { kind, count, weight }) in query {
            let frequency = self.postings(term).count() as f64;
            if frequency == 0.0 {
                continue;
            }
            if let Kind::Topic(words) = kind {
                for (slot, _) in words.iter().flat_map(|word| self.postings(*word)) {
                    if let Some(tally) = tallies.get_mut(slot) {
                        tally.topic = Some(term);
                    }
                }
            }
            let rarity = (1.0 + (self.documents - frequency + 0.5) / (frequency + 0.5)).ln();
            let weight = weight * f64::from(*count).powf(REPETITION) * rarity;
            for (slot, posting) in self.postings(term) {
                let Some(tally) = tallies.get_mut(slot) else { continue };
                if tally.topic == Some(term) {
                    continue;
                }
                tally.score += weight * self.saturated(posting);
                if matches!(kind, Kind::Word) && posting.counts.first().is_some_and(|count| *count > 0) {
                    tally.named = tally.named.saturating_add(1);
                }
            }
        }
        self.ranked(&tallies)
    }

    /// The weighted count of a term over the fields of a document, brought between 0 and 1.
    fn saturated(&self, posting: &Posting) -> f64 {
        let fields = FIELD_WEIGHT.iter().zip(&self.norms).zip(&posting.counts).zip(&posting.lengths);
        let count: f64 = fields
            .filter(|((_, count), _)| **count > 0)
            .map(|(((weight, (constant, factor)), count), length)| {
                weight * f64::from(*count) / (constant + factor * f64::from(*length))
            })
            .sum();
        count / (count + SATURATION)
    }

    fn ranked(&self, tallies: &[Tally]) -> BinaryHeap<Candidate<'a>> {
        let mut candidates = Vec::new();
        for layer in &self.layers {
            for (slot, entry) in &layer.index.entries {
                let Some(tally) = tallies.get(layer.offset + slot).filter(|tally| tally.score > 0.0) else { continue };
                let [name, ..] = entry.lengths;
                let coverage = f64::from(tally.named) / f64::from(name.max(1));
                let score = tally.score * (1.0 + NAME_COVERAGE * coverage.min(1.0));
                candidates.push(Candidate(Hit { id: &entry.id, score }));
            }
        }
        candidates.into()
    }
}

/// A hit ordered by score, equal scores by id from last to first.
struct Candidate<'a>(Hit<'a>);

impl Ord for Candidate<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.score.total_cmp(&other.0.score).then_with(|| other.0.id.cmp(self.0.id))
    }
}

impl PartialOrd for Candidate<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate<'_> {}
