//! Turns text into index terms: splits identifiers, drops stop words, stems, and attaches topics.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};
use rustc_hash::{FxHashMap, FxHashSet};

/// How much a word that merely phrases a request ("specific", "show") counts in a query.
const REQUEST_WORD: f64 = 0.3;
/// How much a bare number counts in a query: it is mostly an argument, seldom part of what a tool is.
const NUMBER: f64 = 0.3;
/// How much the undivided form of a divided word ("youtube" beside "you", "tube") counts in a query.
const JOINED: f64 = 0.5;
/// Longer words are data rather than language; they are indexed as they are, because a stemmer's time can grow with
/// the square of the length.
const LONGEST_STEMMED: usize = 48;

/// What postings are keyed by: the 64-bit hash of a word, of a pair of adjacent words, or of a topic.
///
/// Among a million distinct terms a collision has a chance of 3e-8 and would cost one ill-ranked hit; in exchange a
/// posting list needs no text, and a pair no allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Term(u64);

impl Term {
    fn new(kind: &str, content: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        (kind, content).hash(&mut hasher);
        Self(hasher.finish())
    }

    fn word(stem: &str) -> Self {
        Self::new("word", stem)
    }

    fn topic(line: usize) -> Self {
        Self::new("topic", line)
    }

    /// The term for two words standing side by side.
    pub(crate) fn pair(first: Self, second: Self) -> Self {
        Self::new("pair", (first, second))
    }
}

/// One word of a text.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) term: Term,
    /// The topics the word belongs to.
    pub(crate) topics: &'static [Term],
    /// How much the word counts in a query, 0 to 1.
    pub(crate) weight: f64,
    /// Whether this is the undivided form of the tokens before it, which then is no word more.
    pub(crate) joined: bool,
}

impl Token {
    fn new(word: &str, joined: bool) -> Self {
        let term = LEXICON.term(word);
        let weight = if joined {
            JOINED
        } else if LEXICON.request.contains(&term) {
            REQUEST_WORD
        } else if word.chars().all(char::is_numeric) {
            NUMBER
        } else {
            1.0
        };
        let topics = LEXICON.topics.get(&term).map_or(&[][..], Vec::as_slice);
        Self { term, topics, weight, joined }
    }
}

struct Lexicon {
    stemmer: Stemmer,
    stop: FxHashSet<&'static str>,
    request: FxHashSet<Term>,
    topics: FxHashMap<Term, Vec<Term>>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let mut lexicon = Lexicon {
        stemmer: Stemmer::create(Algorithm::English),
        stop: include_str!("words/stop.txt").split_whitespace().collect(),
        request: FxHashSet::default(),
        topics: FxHashMap::default(),
    };
    lexicon.request = include_str!("words/request.txt").split_whitespace().map(|word| lexicon.term(word)).collect();
    for (number, line) in include_str!("words/topics.txt").lines().enumerate() {
        let topic = Term::topic(number);
        for word in line.split_whitespace() {
            let topics = lexicon.topics.entry(lexicon.term(word)).or_default();
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
    }
    lexicon
});

impl Lexicon {
    fn term(&self, word: &str) -> Term {
        if word.len() > LONGEST_STEMMED { Term::word(word) } else { Term::word(&self.stemmer.stem(word)) }
    }
}

/// Calls `emit` with each word of `text`, in order. An identifier gives its parts, then its undivided form.
pub(crate) fn tokens(text: &str, mut emit: impl FnMut(Token)) {
    let mut parts = Vec::new();
    for chunk in text.split(|c: char| !c.is_alphanumeric()).filter(|chunk| !chunk.is_empty()) {
        parts.clear();
        split(chunk, &mut parts);
        for part in &parts {
            if !LEXICON.stop.contains(part.as_str()) {
                emit(Token::new(part, false));
            }
        }
        if parts.len() > 1 {
            emit(Token::new(&parts.concat(), true));
        }
    }
}

/// Splits `getHTTPResponse2` into `get`, `http`, `response`, `2`, in lower case.
fn split(chunk: &str, parts: &mut Vec<String>) {
    let mut part = String::new();
    let mut before = None;
    let mut rest = chunk.chars();
    while let Some(c) = rest.next() {
        if before.is_some_and(|before| is_boundary(before, c, rest.as_str())) {
            parts.push(std::mem::take(&mut part));
        }
        part.extend(c.to_lowercase());
        before = Some(c);
    }
    parts.push(part);
}

fn is_boundary(before: char, c: char, rest: &str) -> bool {
    let starts_word = || {
        let mut rest = rest.chars();
        match (rest.next(), rest.next()) {
            // "URLs" is the plural of an acronym, not "UR" and "Ls".
            (Some('s'), next) => next.is_some_and(char::is_lowercase),
            (next, _) => next.is_some_and(char::is_lowercase),
        }
    };
    before.is_numeric() != c.is_numeric()
        || (before.is_lowercase() && c.is_uppercase())
        || (before.is_uppercase() && c.is_uppercase() && starts_word())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(chunk: &str) -> Vec<String> {
        let mut parts = Vec::new();
        split(chunk, &mut parts);
        parts
    }

    fn terms(text: &str) -> Vec<Term> {
        let mut terms = Vec::new();
        tokens(text, |token| terms.push(token.term));
        terms
    }

    #[test]
    fn identifiers_are_divided() {
        assert_eq!(parts("createIssue"), ["create", "issue"]);
        assert_eq!(parts("getHTTPResponse2"), ["get", "http", "response", "2"]);
        assert_eq!(parts("mp3"), ["mp", "3"]);
        assert_eq!(parts("ÄnderungÜben"), ["änderung", "üben"]);
    }

    #[test]
    fn a_plural_acronym_stays_whole() {
        assert_eq!(parts("URLs"), ["urls"]);
        assert_eq!(parts("listURLs"), ["list", "urls"]);
        assert_eq!(parts("DNSserver"), ["dn", "sserver"]);
    }

    #[test]
    fn spellings_of_an_identifier_share_their_words() {
        assert_eq!(terms("send_email"), terms("send-email"));
        assert_eq!(terms("GITHUB_CREATE_ISSUE"), terms("github create issues"));
        assert!(terms("YouTube").contains(&Term::word("youtub")));
    }

    #[test]
    fn stop_words_are_dropped() {
        assert_eq!(terms("the weather in your city"), terms("weather city"));
    }

    #[test]
    fn words_of_one_topic_share_it() {
        let topics = |word| Token::new(word, false).topics;
        assert!(topics("flights").iter().any(|topic| topics("airline").contains(topic)));
        assert!(topics("xylophone").is_empty());
    }
}
