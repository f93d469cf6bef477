//! A session's rules against servers that do what they like.

use std::collections::HashMap;
use std::sync::Arc;

use composio_contract::{Backend as _, ExecuteMetaRequest};
use composio_router::source::Tag;
use composio_router::store::{Location, SqliteStore, Store};
use composio_router::{Router, RouterConfig, slug};
use proptest::prelude::*;
use serde_json::json;

use crate::served::{Entry, Served, entry, run, session};

/// What happens between two calls.
#[derive(Clone, Debug)]
enum Event {
    /// A server lists these.
    Lists { hub: bool, tools: Vec<Entry> },
    /// Another process takes over, with the same store.
    Restart,
    /// A model calls this, directly or within a multi-execute.
    Calls { slug: String, in_multi: bool },
}

const NAMES: [&str; 10] =
    ["delete", "Delete", "DELETE", "de.lete", "log", "Log", "sync", "hub_sync", "git_delete", "delete_61975955"];

fn an_entry() -> impl Strategy<Value = Entry> {
    let tags = prop::sample::subsequence(vec![Tag::ReadOnly, Tag::Destructive, Tag::OpenWorld], 0..=2);
    (prop::sample::select(&NAMES[..]), prop::sample::select(vec!["as ever", "otherwise"]), tags)
        .prop_map(|(name, description, tags)| Entry { tags, ..entry(name, description) })
}

/// Each name once, in any order.
fn a_list() -> impl Strategy<Value = Vec<Entry>> {
    prop::collection::vec(an_entry(), 0..6).prop_map(|mut tools| {
        let mut seen = std::collections::HashSet::new();
        tools.retain(|tool| seen.insert(tool.name.clone()));
        tools
    })
}

/// A slug that some operation has, or could have.
fn a_slug() -> impl Strategy<Value = String> {
    let all = |toolkit: &'static str| {
        let twins = slug::tools(toolkit, &["Delete", "delete", "DELETE", "de.lete", "Log", "log"]);
        NAMES.iter().map(move |name| slug::tool(toolkit, name)).chain(twins)
    };
    prop::sample::select(all("git").chain(all("git_hub")).collect::<Vec<_>>())
}

fn an_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (any::<bool>(), a_list()).prop_map(|(hub, tools)| Event::Lists { hub, tools }),
        1 => Just(Event::Restart),
        4 => (a_slug(), any::<bool>()).prop_map(|(slug, in_multi)| Event::Calls { slug, in_multi }),
    ]
}

struct World {
    git: Arc<Served>,
    hub: Arc<Served>,
    store: Arc<dyn Store>,
    folder: tempfile::TempDir,
}

impl World {
    fn router(&self) -> Router {
        let off = json!({"enabled": false});
        let config = json!({
            "router": {"data_dir": self.folder.path()},
            "toolkits": {"files": off, "sqlite": off, "http": off, "time": off},
        });
        let builder = Router::builder().config(RouterConfig::from_json(config).unwrap()).store(Arc::clone(&self.store));
        builder.source(Arc::clone(&self.git) as _).source(Arc::clone(&self.hub) as _).build().unwrap()
    }

    /// What has run since the last look, as toolkit, operation and description.
    fn ran(&self) -> Vec<(&'static str, String, String)> {
        let of = |toolkit, served: &Served| {
            let ran = std::mem::take(&mut *served.descriptions.lock().unwrap());
            ran.into_iter().map(move |(operation, description)| (toolkit, operation, description))
        };
        of("git", &self.git).chain(of("git_hub", &self.hub)).collect()
    }
}

async fn call(router: &Router, session: &str, slug: &str, in_multi: bool) {
    if !in_multi {
        let _ = run(router, session, slug).await;
        return;
    }
    let request = ExecuteMetaRequest {
        slug: "COMPOSIO_MULTI_EXECUTE_TOOL".to_owned(),
        arguments: Some(json!({"tools": [{"tool_slug": slug}]}).into()),
        ..ExecuteMetaRequest::default()
    };
    let _ = router.execute_meta(session, &request).await;
}

async fn play(events: Vec<Event>) {
    let world = World {
        git: Served::new("git", &[entry("delete", "as ever"), entry("log", "as ever")]),
        hub: Served::new("git_hub", &[entry("sync", "as ever")]),
        store: Arc::new(SqliteStore::open(&Location::Memory).unwrap()),
        folder: tempfile::tempdir().unwrap(),
    };
    let mut router = world.router();
    let known = [("git", "delete"), ("git", "log"), ("git_hub", "sync")];
    let permissions =
        |overrides| json!({"experimental": {"permissions": {"default": "allow_all", "overrides": overrides}}});
    // Each with the operations that may run, of those known, and whether any other may.
    let rules = [
        (json!({"tools": {"git": {"disable": ["GIT_DELETE"]}}}), &known[1..], true),
        (json!({"tools": {"git": {"require_approval": ["GIT_DELETE"]}}}), &known[1..], true),
        (permissions(json!({"GIT_DELETE": "always_deny"})), &known[1..], true),
        (permissions(json!({"GIT_DELETE": "ask_once"})), &known[1..], true),
        (permissions(json!({"GIT_HUB_SYNC": "always_deny"})), &known[..2], true),
        (json!({"tools": {"git": {"enable": ["GIT_LOG"]}}, "toolkits": ["git"]}), &known[1..2], false),
        (json!({"tags": {"disable": ["destructiveHint"]}}), &known[..0], false),
        (json!({"tags": {"require_approval": ["openWorldHint"]}}), &known[..0], false),
        (
            json!({"tools": {"git": {"disable": ["GIT_DELETES"]}, "git_hub": {"disable": ["GIT_HUB_SYNK"]}}}),
            &known[..0],
            false,
        ),
        (permissions(json!({"git": "ask_always", "git_hub": "always_deny"})), &known[..0], false),
        (json!({}), &known[..], true),
    ];
    let mut sessions = Vec::new();
    for (settings, may_run, others) in rules {
        sessions.push((session(&router, settings).await, may_run, others));
    }
    // Each is seen once as it is known.
    for slug in ["GIT_LOG", "GIT_HUB_SYNC"] {
        run(&router, &sessions.last().unwrap().0, slug).await.unwrap();
    }
    world.ran();
    // What the others were when they first ran.
    let mut first: HashMap<(&str, String), String> = HashMap::new();
    for event in events {
        match event {
            Event::Lists { hub, tools } => if hub { &world.hub } else { &world.git }.lists(&tools),
            Event::Restart => router = world.router(),
            Event::Calls { slug, in_multi } => {
                for (session, may_run, others) in &sessions {
                    call(&router, session, &slug, in_multi).await;
                    for (toolkit, operation, description) in world.ran() {
                        let it = format!("{toolkit} {operation} by {slug} in {session}");
                        let is_known = known.contains(&(toolkit, operation.as_str()));
                        let is_allowed =
                            if is_known { may_run.contains(&(toolkit, operation.as_str())) } else { *others };
                        assert!(is_allowed, "{it}");
                        if is_known {
                            assert_eq!(description, "as ever", "{it}");
                            assert_eq!(slug, slug::tool(toolkit, &operation), "{it}");
                        }
                        let was = first.entry((toolkit, operation)).or_insert_with(|| description.clone());
                        assert_eq!(*was, description, "{it}");
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_servers_do_no_rule_is_broken_and_no_definition_runs_that_is_not_the_first(
        events in prop::collection::vec(an_event(), 1..24),
    ) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(events));
    }
}
