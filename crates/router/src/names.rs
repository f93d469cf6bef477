//! Which toolkit a slug belongs to.
//!
//! Slugs begin with the name of their toolkit, and one toolkit's name may begin with another's: `GIT_HUB_SYNC` could be `hub_sync`
//! of `git`, or `sync` of `git_hub`. It belongs to the toolkit with the longest name that fits, whichever lists it.

/// The names of all toolkits.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Slugs in lower case, longest first.
    toolkits: Vec<String>,
}

impl Names {
    pub(crate) fn new<'a>(toolkits: impl Iterator<Item = &'a str>) -> Self {
        let mut toolkits: Vec<String> = toolkits.map(str::to_lowercase).collect();
        toolkits.sort_by_key(|toolkit| std::cmp::Reverse(toolkit.len()));
        Self { toolkits }
    }

    /// The toolkit that a tool's slug belongs to, without regard to case. A toolkit's own name is nobody else's: rules name both
    /// toolkits and tools.
    pub(crate) fn owner(&self, slug: &str) -> Option<&str> {
        let is_of = |toolkit: &&str| slug.eq_ignore_ascii_case(toolkit) || begins_with(slug, toolkit);
        self.toolkits.iter().map(String::as_str).find(is_of)
    }

    /// Whether a slug belongs to this toolkit.
    pub(crate) fn owns(&self, toolkit: &str, slug: &str) -> bool {
        self.owner(slug).is_some_and(|owner| owner.eq_ignore_ascii_case(toolkit))
    }
}

/// Whether a slug is `<TOOLKIT>_<OPERATION>` of a toolkit, if no other toolkit has a longer name that fits.
pub(crate) fn begins_with(slug: &str, toolkit: &str) -> bool {
    slug.get(..toolkit.len()).is_some_and(|start| start.eq_ignore_ascii_case(toolkit))
        && slug.as_bytes().get(toolkit.len()) == Some(&b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_belongs_to_the_longest_name() {
        let names = Names::new(["git", "git_hub", "time"].into_iter());
        for (slug, owner) in [
            ("GIT_HUB_CREATE_ISSUE", Some("git_hub")),
            ("git_hub_x", Some("git_hub")),
            ("GIT_HUBS", Some("git")),
            ("GIT_HUB", Some("git_hub")),
            ("TIME_NOW", Some("time")),
            ("TIMES_NOW", None),
            ("GIT", Some("git")),
        ] {
            assert_eq!(names.owner(slug), owner, "{slug}");
        }
        assert!(names.owns("GIT", "git_log") && !names.owns("git", "git_hub_x"));
    }
}
