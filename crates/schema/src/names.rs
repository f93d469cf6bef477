//! Names that a misspelt one may have meant.

use strsim::{damerau_levenshtein, jaro_winkler};

/// How many names are suggested.
const LIMIT: usize = 3;

/// The candidates that `name` most likely means, best first, at most three. Case does not count.
///
/// ```
/// let known = ["GITHUB_CREATE_ISSUE", "GITHUB_LIST_ISSUES", "SLACK_SEND_MESSAGE"];
/// assert_eq!(composio_schema::closest("github_create_isue", known), ["GITHUB_CREATE_ISSUE"]);
/// assert!(composio_schema::closest("weather", known).is_empty());
/// ```
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = name.to_lowercase();
    let mut scored: Vec<(f64, &str)> = candidates
        .into_iter()
        .filter_map(|candidate| score(&wanted, &candidate.to_lowercase()).map(|score| (score, candidate)))
        .collect();
    scored.sort_by(|(one, a), (other, b)| other.total_cmp(one).then_with(|| a.cmp(b)));
    let best = scored.first().map_or(0.0, |(score, _)| *score);
    scored.into_iter().take_while(|(score, _)| best - score < 0.05).take(LIMIT).map(|(_, name)| name).collect()
}

fn score(wanted: &str, candidate: &str) -> Option<f64> {
    let similarity = jaro_winkler(wanted, candidate);
    let length = wanted.chars().count().max(candidate.chars().count());
    // A quarter of the letters wrong is a slip; more is another word, whatever prefix they share.
    let distance = damerau_levenshtein(wanted, candidate);
    let near = distance * 4 <= length || (distance == 1 && length == 3);
    let part = wanted.len() >= 4 && candidate.len() >= 4 && (candidate.contains(wanted) || wanted.contains(candidate));
    (near || part).then_some(similarity)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn finds_slips_and_parts() {
        assert_eq!(closest("pth", ["path", "content"]), ["path"]);
        assert_eq!(closest("READ_FILE", ["FILES_READ_FILE", "FILES_LIST"]), ["FILES_READ_FILE"]);
        assert_eq!(closest("PATH", ["path"]), ["path"]);
    }

    #[test]
    fn suggests_nothing_that_is_another_word() {
        assert!(closest("GMAIL_SEND_EMAIL", ["GMAIL_DELETE_DRAFT"]).is_empty());
        assert!(closest("x", ["y"]).is_empty());
        assert!(closest("anything", []).is_empty());
    }
}
