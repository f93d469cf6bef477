//! Names that a misspelt one may have meant.

use strsim::{damerau_levenshtein, jaro_winkler};

/// How many names are suggested.
const LIMIT: usize = 3;
/// Longer names, in bytes, are nobody's slips.
const LONGEST: usize = 200;
/// Candidates that are looked at.
const MOST: usize = 50_000;

/// The candidates that `name` most likely means, best first, at most three. Case does not count.
///
/// ```
/// let known = ["GITHUB_CREATE_ISSUE", "GITHUB_LIST_ISSUES", "SLACK_SEND_MESSAGE"];
/// assert_eq!(composio_schema::closest("github_create_isue", known), ["GITHUB_CREATE_ISSUE"]);
/// assert!(composio_schema::closest("weather", known).is_empty());
/// ```
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    if name.len() > LONGEST {
        return Vec::new();
    }
    let wanted = name.to_lowercase();
    let mut scored: Vec<(f64, &str)> = candidates
        .into_iter()
        .take(MOST)
        .filter(|candidate| candidate.len() <= LONGEST)
        .filter_map(|candidate| score(&wanted, &candidate.to_lowercase()).map(|score| (score, candidate)))
        .collect();
    scored.sort_by(|(one, a), (other, b)| other.total_cmp(one).then_with(|| a.cmp(b)));
    let best = scored.first().map_or(0.0, |(score, _)| *score);
    scored.into_iter().take_while(|(score, _)| best - score < 0.05).take(LIMIT).map(|(_, name)| name).collect()
}

fn score(wanted: &str, candidate: &str) -> Option<f64> {
    let part = wanted.len() >= 4 && candidate.len() >= 4 && (candidate.contains(wanted) || wanted.contains(candidate));
    (part || is_near(wanted, candidate)).then(|| jaro_winkler(wanted, candidate))
}

/// A quarter of the letters wrong is a slip; more is another word, whatever prefix they share.
fn is_near(wanted: &str, candidate: &str) -> bool {
    let length = wanted.chars().count().max(candidate.chars().count());
    let is_slip = |distance: usize| distance * 4 <= length || (distance == 1 && length == 3);
    // Cheap, and rules out nearly all of a large catalogue.
    is_slip(least_distance(wanted, candidate)) && is_slip(damerau_levenshtein(wanted, candidate))
}

/// How many letters one of the two has more often than the other: no fewer changes make one of the other.
fn least_distance(one: &str, other: &str) -> usize {
    let mut surplus = [0_i16; 64];
    let mut count = |text: &str, by: i16| {
        for byte in text.bytes() {
            if let Some(letter) = surplus.get_mut(usize::from(byte) % 64) {
                *letter += by;
            }
        }
    };
    count(one, 1);
    count(other, -1);
    let more: i16 = surplus.iter().filter(|letter| **letter > 0).sum();
    let fewer: i16 = surplus.iter().filter(|letter| **letter < 0).sum();
    // Letters of several bytes count once for each byte.
    let is_ascii = one.is_ascii() && other.is_ascii();
    if is_ascii { usize::from(more.max(-fewer).unsigned_abs()) } else { 0 }
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
    fn long_names_and_many_of_them_cost_little() {
        let long = "x".repeat(1 << 20);
        assert!(closest(&long, [long.as_str()]).is_empty());
        assert!(closest("path", [long.as_str()]).is_empty());
        let many: Vec<String> = (0..100_000).map(|n| format!("TOOL_NUMBER_{n}")).collect();
        let close = closest("TOOL_NUMBERS_77", many.iter().map(String::as_str));
        assert_eq!(close.first(), Some(&"TOOL_NUMBER_77"));
    }

    #[test]
    fn suggests_nothing_that_is_another_word() {
        assert!(closest("GMAIL_SEND_EMAIL", ["GMAIL_DELETE_DRAFT"]).is_empty());
        assert!(closest("x", ["y"]).is_empty());
        assert!(closest("anything", []).is_empty());
    }
}
