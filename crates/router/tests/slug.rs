//! Slugs: by example, and what holds for all of them.

use std::collections::BTreeSet;

use composio_contract::ErrorKind;
use composio_router::slug;
use proptest::prelude::*;

#[test]
fn operations_become_upper_snake() {
    for (toolkit, operation, expected) in [
        ("github", "create_issue", "GITHUB_CREATE_ISSUE"),
        ("github", "createIssue", "GITHUB_CREATE_ISSUE"),
        ("github", "create-issue", "GITHUB_CREATE_ISSUE"),
        ("github", "issues.create", "GITHUB_ISSUES_CREATE"),
        ("github", "GetHTTPResponse", "GITHUB_GET_HTTP_RESPONSE"),
        ("github", "list  /  all", "GITHUB_LIST_ALL"),
        ("s3", "putS3Object2", "S3_PUT_S3_OBJECT2"),
        ("s3", "v2Api", "S3_V2_API"),
        ("github", "github_create_issue", "GITHUB_CREATE_ISSUE"),
        ("google_drive", "googleDriveList", "GOOGLE_DRIVE_LIST"),
        ("git", "github_list", "GIT_GITHUB_LIST"),
        ("time", "time", "TIME_TIME"),
    ] {
        assert_eq!(slug::tool(toolkit, operation), expected, "{toolkit} {operation}");
    }
}

#[test]
fn what_words_do_not_tell_apart_a_hash_does() {
    let long = "x".repeat(80);
    for (operation, start, length) in
        [("größe", "T_GR_E_", 15), ("日本", "T_", 10), ("a+b", "T_A_B_", 14), ("", "T_", 10), (&long, "T_XXX", 64)]
    {
        let slug = slug::tool("t", operation);
        assert!(slug.starts_with(start), "{slug}");
        assert_eq!(slug.len(), length, "{slug}");
    }
    // The same on every machine, in every version.
    assert_eq!(slug::tool("t", "größe"), "T_GR_E_D353A267");
}

#[test]
fn a_collision_is_solved_for_all_it_concerns_and_no_other() {
    let slugs = slug::tools("t", &["a_b", "a-b", "c", "c"]);
    assert!(slugs[0].starts_with("T_A_B_") && slugs[1].starts_with("T_A_B_"), "{slugs:?}");
    assert_ne!(slugs[0], slugs[1]);
    assert_eq!(slugs[2..], ["T_C", "T_C"], "one operation listed twice is one operation");

    // A name that is made to look like another's slug.
    let forged = slugs[0].strip_prefix("T_").unwrap().to_lowercase();
    let slugs = slug::tools("t", &["a_b", "a-b", &forged]);
    assert_eq!(slugs.iter().collect::<BTreeSet<_>>().len(), 3, "{slugs:?}");
}

#[test]
fn toolkit_slugs_are_made_and_checked() {
    assert_eq!(slug::toolkit("My Server (v2)").unwrap(), "my_server_v2");
    assert_eq!(slug::toolkit("fileSystem").unwrap(), "file_system");
    for name in ["", "___", "日本", &"x".repeat(33)] {
        assert_eq!(slug::toolkit(name).unwrap_err().kind(), ErrorKind::Validation, "{name}");
    }
    for good in ["github", "_2chat", "a1", &"x".repeat(32)] {
        slug::check_toolkit(good).unwrap();
    }
    for bad in ["", "_", "GitHub", "a-b", "a b", "é", &"x".repeat(33)] {
        assert!(slug::check_toolkit(bad).unwrap_err().message().contains("lower case"), "{bad}");
    }
}

proptest! {
    #[test]
    fn every_slug_is_well_formed(toolkit in "[a-z0-9_]{0,31}[a-z0-9]", operation in ".{0,120}") {
        let slug = slug::tool(&toolkit, &operation);
        prop_assert!(slug.len() <= slug::MAX_LENGTH);
        prop_assert!(slug.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'));
        let prefix = format!("{}_", toolkit.to_uppercase());
        prop_assert!(slug.starts_with(&prefix) && slug.len() > prefix.len());
    }

    #[test]
    fn different_operations_get_different_slugs_in_any_order(
        operations in prop::collection::btree_set("[aAbBé_./-]{0,5}|[a-z]{60,70}", 1..40),
        turn in any::<prop::sample::Index>(),
    ) {
        let operations: Vec<String> = operations.into_iter().collect();
        let slugs = slug::tools("t", &operations);
        prop_assert_eq!(slugs.iter().collect::<BTreeSet<_>>().len(), operations.len());

        let mut turned: Vec<(String, String)> = operations.into_iter().zip(slugs).collect();
        let at = turn.index(turned.len());
        turned.rotate_left(at);
        turned.reverse();
        let (names, expected): (Vec<String>, Vec<String>) = turned.into_iter().unzip();
        prop_assert_eq!(slug::tools("t", &names), expected);
    }

    #[test]
    fn a_made_toolkit_slug_passes_the_check(name in ".{0,40}") {
        if let Ok(slug) = slug::toolkit(&name) {
            prop_assert!(slug::check_toolkit(&slug).is_ok());
        }
    }
}
