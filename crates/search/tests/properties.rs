//! What holds for any documents and any query.

use composio_search::{Document, Index};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;

/// Few words, so that documents share some and scores tie.
const WORD: &str = "(send|sends|email|GitHub|createIssue|flight|airline|list_2|the|naïve|東京|URLs)";

#[derive(Clone, Debug)]
struct Tool {
    id: String,
    name: String,
    toolkit: String,
    description: String,
    parameters: Vec<String>,
}

fn text(words: usize) -> impl Strategy<Value = String> {
    vec(WORD, 0..=words).prop_map(|words| words.join(" "))
}

fn tools() -> impl Strategy<Value = Vec<Tool>> {
    let tool = ("[a-p]", text(3), text(1), text(8), vec(text(2), 0..3));
    vec(
        tool.prop_map(|(id, name, toolkit, description, parameters)| Tool {
            id,
            name,
            toolkit,
            description,
            parameters,
        }),
        0..16,
    )
}

fn insert(index: &mut Index, tool: &Tool) {
    let parameters: Vec<&str> = tool.parameters.iter().map(String::as_str).collect();
    index.insert(&Document {
        id: &tool.id,
        name: &tool.name,
        toolkit: &tool.toolkit,
        description: &tool.description,
        parameters: &parameters,
    });
}

fn index<'a>(tools: impl IntoIterator<Item = &'a Tool>) -> Index {
    let mut index = Index::new();
    tools.into_iter().for_each(|tool| insert(&mut index, tool));
    index
}

/// With distinct ids, the last of each.
fn distinct(mut tools: Vec<Tool>) -> Vec<Tool> {
    tools.reverse();
    let mut seen = std::collections::HashSet::new();
    tools.retain(|tool| seen.insert(tool.id.clone()));
    tools
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_of_insertion_does_not_matter(
        (tools, shuffled) in tools().prop_map(distinct).prop_flat_map(|tools| (Just(tools.clone()), Just(tools).prop_shuffle())),
        query in text(6),
    ) {
        let (one, other) = (index(&tools), index(&shuffled));
        prop_assert_eq!(one.search(&query, 20, |_| true), other.search(&query, 20, |_| true));
    }

    #[test]
    fn removing_undoes_inserting(tools in tools().prop_map(distinct), other in tools(), query in text(6)) {
        let expected = index(&tools);
        let mut actual = index(&tools);
        let ids: Vec<String> = other.iter().map(|tool| format!("other {}", tool.id)).collect();
        for (id, tool) in ids.iter().zip(&other) {
            insert(&mut actual, &Tool { id: id.clone(), ..tool.clone() });
        }
        for id in &ids {
            actual.remove(id);
        }
        prop_assert_eq!(expected.len(), actual.len());
        prop_assert_eq!(expected.search(&query, 20, |_| true), actual.search(&query, 20, |_| true));
    }

    #[test]
    fn an_overlay_ranks_as_one_index(base in tools(), overlay in tools(), query in text(6)) {
        let one = index(base.iter().chain(&overlay));
        let (base, overlay) = (index(&base), index(&overlay));
        prop_assert_eq!(one.search(&query, 20, |_| true), base.search_with(&overlay, &query, 20, |_| true));
    }

    #[test]
    fn a_filter_and_a_limit_take_from_the_same_ranking(tools in tools(), query in text(6), kept in subsequence(('a'..='p').collect::<Vec<_>>(), 0..=16), limit in 0_usize..8) {
        let index = index(&tools);
        let keep = |id: &str| id.chars().all(|id| kept.contains(&id));
        let mut expected = index.search(&query, usize::MAX, |_| true);
        expected.retain(|hit| keep(hit.id));
        expected.truncate(limit);
        prop_assert_eq!(expected, index.search(&query, limit, keep));
    }

    #[test]
    fn any_text_is_safe(text in any::<String>(), query in any::<String>()) {
        let mut index = Index::new();
        index.insert(&Document { id: &text, name: &text, toolkit: &text, description: &text, parameters: &[&text, &query] });
        for hit in index.search(&query, 1, |_| true) {
            prop_assert!(hit.score.is_finite() && hit.score > 0.0);
        }
        prop_assert!(index.remove(&text));
        prop_assert!(index.search(&text, 1, |_| true).is_empty());
    }
}

fn documents(names: &[&'static str]) -> Index {
    let mut index = Index::new();
    for name in names {
        index.insert(&Document { id: name, name, toolkit: "", description: "", parameters: &[] });
    }
    index
}

fn ids(index: &Index, query: &str) -> Vec<String> {
    index.search(query, 10, |_| true).iter().map(|hit| hit.id.to_owned()).collect()
}

#[test]
fn equal_scores_are_ordered_by_id() {
    let index = documents(&["delete-file", "create-file", "rename-file"]);
    assert_eq!(ids(&index, "a file"), ["create-file", "delete-file", "rename-file"]);
}

#[test]
fn a_rarer_word_counts_more() {
    let index = documents(&["archive_mail", "send_mail", "read_mail", "archive_mail_thread"]);
    assert_eq!(ids(&index, "thread of a mail").first().map(String::as_str), Some("archive_mail_thread"));
}

#[test]
fn adjacent_words_outrank_scattered_ones() {
    let index = documents(&["pull_order_request", "pull_request_order"]);
    assert_eq!(ids(&index, "pull request"), ["pull_request_order", "pull_order_request"]);
}

#[test]
fn a_topic_finds_what_shares_no_word() {
    let index = documents(&["book_airline", "resize_picture"]);
    assert_eq!(ids(&index, "flights to Oslo"), ["book_airline"]);
    assert!(ids(&index, "xylophone").is_empty());
}

#[test]
fn inserting_again_replaces() {
    let mut index = documents(&["tool"]);
    index.insert(&Document { id: "tool", name: "hammer", toolkit: "", description: "", parameters: &[] });
    assert_eq!(index.len(), 1);
    assert_eq!(ids(&index, "hammer"), ["tool"]);
    assert!(!index.remove("hammer"));
    assert!(index.remove("tool"));
    assert!(index.is_empty());
}

/// Work that grows with the square of the length would not end.
#[test]
fn a_query_of_megabytes_is_safe() {
    let index = documents(&["yyyy"]);
    assert!(ids(&index, &"y".repeat(1_000_000)).is_empty());
    assert_eq!(ids(&index, &"yyyy ".repeat(20_000)), ["yyyy"]);
}
