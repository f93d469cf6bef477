//! Which of a toolkit's tools are offered, and by which slugs.
//!
//! A tool is known by its toolkit and the source's own name of the operation. The first definition of it that is seen is pinned,
//! with the slug; a later, different one is held until an operator accepts it. A tool that comes to a toolkit with a name that
//! reads like a known one's is held too, by a slug with a hash, so that a known tool's slug never means another tool.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use composio_contract::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use crate::fingerprint;
use crate::names::Names;
use crate::slug;
use crate::source::{Pinning, ToolDefinition};
use crate::store::{PinChange, PinRow, PinStore, PinnedDefinition};

/// Stands for an operation's name where the ground of a whole toolkit is pinned; see [`Source::ground`](crate::source::Source::ground).
pub(crate) const GROUND: &str = "(servers and authentication)";
/// How often the pins are read again because another process has changed them.
const ATTEMPTS: usize = 16;
/// Tools of a toolkit that are remembered. A server that has new names each time is not to fill the store.
const MOST: usize = 50_000;
/// How long a definition may be that is kept for a comparison, in bytes.
const LONGEST: usize = 64 * 1024;

/// A tool that is held until an operator accepts its definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldTool {
    /// The toolkit's slug.
    pub toolkit: String,
    /// The source's own name of the operation.
    pub operation: String,
    /// The tool's slug.
    pub slug: String,
    /// Whether it is new; else it has changed since it was accepted.
    pub is_new: bool,
    /// The hash of the definition that is held.
    pub hash: [u8; 32],
}

impl HeldTool {
    /// The error of whoever asks for it.
    pub(crate) fn error(&self) -> Error {
        let why = if self.operation == GROUND {
            "its document names other servers or another authentication than when it was accepted"
        } else if self.is_new {
            "it is new, and its name is like that of another tool or its document names other servers"
        } else {
            "its server has changed its definition since it was accepted"
        };
        let toolkit = &self.toolkit;
        Error::new(
            ErrorKind::PermissionDenied,
            format!("`{}` is held: {why}, and nobody has accepted that yet", self.slug),
        )
        .with_status(403)
        .with_slug("ToolRouter_ToolHeld")
        .with_suggested_fix(format!(
            "an operator reads the change with `composio tools diff {toolkit}` and accepts it with \
                 `composio tools trust {toolkit} {}`",
            self.operation
        ))
    }
}

/// A toolkit's tools as they are offered.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// Each with the hash of its definition, where it is pinned.
    pub(crate) tools: Vec<(ToolDefinition, Option<[u8; 32]>)>,
    pub(crate) held: Vec<HeldTool>,
    /// Every slug that the toolkit has or had, and what each would be without a hash, in lower case.
    pub(crate) slugs: Arc<HashSet<String>>,
}

/// The tools of a source that is not pinned, each with a slug of its own toolkit.
pub(crate) fn unpinned(toolkit: &str, names: &Names, definitions: &[ToolDefinition]) -> Settled {
    let mut settled = Settled::default();
    let mut taken = HashSet::new();
    let mut slugs = HashSet::new();
    for definition in definitions {
        let Some(slug) = free_slug(toolkit, names, definition, &taken) else {
            tracing::warn!(
                toolkit,
                operation = definition.operation,
                "an operation is left out: no slug is free for it"
            );
            continue;
        };
        let names = [Some(slug.clone()), Some(slug::tool(toolkit, &definition.operation))];
        let plain = slug::plain(toolkit, &definition.operation);
        slugs.extend(names.into_iter().chain([plain]).flatten().map(|slug| slug.to_lowercase()));
        taken.insert(slug.clone());
        settled.tools.push((ToolDefinition { slug, ..definition.clone() }, None));
    }
    settled.slugs = Arc::new(slugs);
    settled
}

/// The tools of a source that is pinned, by what the store knows of them. What is new is written to the store first.
///
/// # Errors
/// Where the store fails, or other processes change the pins without end.
pub(crate) async fn settle(
    store: &dyn PinStore,
    toolkit: &str,
    pinning: Pinning,
    names: &Names,
    definitions: &[ToolDefinition],
    ground: Option<Value>,
) -> Result<Settled> {
    let ground = ground.map(|facts| ToolDefinition {
        slug: slug::tool(toolkit, GROUND),
        operation: GROUND.to_owned(),
        title: "Servers and authentication".to_owned(),
        description: String::new(),
        input_schema: Value::Null,
        output_schema: None,
        tags: Vec::new(),
        cautions: Vec::new(),
        facts,
    });
    let listed = Listed::new(toolkit, definitions, ground.as_ref());
    for _ in 0..ATTEMPTS {
        let pins = store.pins(Some(toolkit)).await?;
        let plan = Plan::new(toolkit, pinning, names, &listed, &pins);
        if plan.changes.is_empty() {
            return Ok(plan.settled);
        }
        store.change_pins(toolkit, plan.changes).await?;
        for held in &plan.newly_held {
            tracing::warn!(
                toolkit,
                operation = held.operation,
                tool = held.slug,
                is_new = held.is_new,
                "a tool is held until its definition is accepted; see `composio tools diff`"
            );
        }
    }
    Err(Error::new(ErrorKind::Conflict, format!("the pins of `{toolkit}` are being changed by others all the time"))
        .with_status(503)
        .with_retryable(true)
        .with_suggested_fix("try again in a moment"))
}

/// What a source lists: the definitions of each operation, of which there may be several where accounts list differently.
struct Listed<'a>(BTreeMap<&'a str, Vec<(&'a ToolDefinition, [u8; 32])>>);

impl<'a> Listed<'a> {
    fn new(toolkit: &str, definitions: &'a [ToolDefinition], ground: Option<&'a ToolDefinition>) -> Self {
        let mut listed: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for definition in definitions.iter().chain(ground) {
            let is_ground = ground.is_some_and(|ground| std::ptr::eq(ground, definition));
            if definition.operation.contains('\0') || (definition.operation == GROUND && !is_ground) {
                tracing::warn!(toolkit, operation = definition.operation, "an operation with such a name is left out");
                continue;
            }
            let hash = fingerprint::definition_hash(definition);
            listed.entry(&definition.operation).or_default().push((definition, hash));
        }
        Self(listed)
    }

    fn has_other_ground(&self, pin: Option<&PinRow>) -> bool {
        let now = self.0.get(GROUND).and_then(|definitions| definitions.first()).map(|(_, hash)| *hash);
        pin.is_some_and(|pin| now.is_some_and(|now| pin.accepted != Some(now)))
    }
}

/// The slugs that the tools of a toolkit have, and those that they would have by their names alone, in upper case.
pub(crate) fn known_slugs<'a>(toolkit: &'a str, pins: &'a [PinRow]) -> impl Iterator<Item = String> + 'a {
    let names = pins.iter().filter(|pin| pin.operation != GROUND).flat_map(move |pin| {
        [Some(slug::tool(toolkit, &pin.operation)), slug::plain(toolkit, &pin.operation)].into_iter().flatten()
    });
    pins.iter().map(|pin| pin.slug.to_uppercase()).chain(names)
}

/// What the pins say of a list, and what is to be changed before that holds.
#[derive(Default)]
struct Plan {
    settled: Settled,
    changes: Vec<PinChange>,
    newly_held: Vec<HeldTool>,
    /// Whether what all calls stand on is another than what was accepted, so that nothing new is taken on it.
    has_other_ground: bool,
}

impl Plan {
    fn new(toolkit: &str, pinning: Pinning, names: &Names, listed: &Listed<'_>, pins: &[PinRow]) -> Self {
        let mut plan = Self::default();
        let known: HashMap<&str, &PinRow> = pins.iter().map(|pin| (pin.operation.as_str(), pin)).collect();
        let known_slugs: HashSet<String> = known_slugs(toolkit, pins).collect();
        let mut taken: HashSet<String> = pins.iter().map(|pin| pin.slug.clone()).collect();
        plan.has_other_ground = pinning == Pinning::Hold && listed.has_other_ground(known.get(GROUND).copied());
        for (operation, definitions) in &listed.0 {
            match known.get(operation) {
                Some(pin) => plan.known(toolkit, pinning, names, pin, definitions, &mut taken),
                None if taken.len() >= MOST => {
                    tracing::warn!(toolkit, operation, "an operation is left out: the toolkit has had too many others");
                }
                None => plan.newcomer(toolkit, pinning, names, definitions, &known_slugs, &mut taken),
            }
        }
        plan.settled.tools.retain(|(tool, _)| tool.operation != GROUND);
        plan.settled.slugs = Arc::new(known_slugs.iter().map(|slug| slug.to_lowercase()).collect());
        plan
    }

    fn known(
        &mut self,
        toolkit: &str,
        pinning: Pinning,
        names: &Names,
        pin: &PinRow,
        definitions: &[(&ToolDefinition, [u8; 32])],
        taken: &mut HashSet<String>,
    ) {
        if !names.owns(toolkit, &pin.slug) {
            // Another toolkit has come, to which the slug belongs.
            if let Some(slug) = definitions.first().and_then(|(first, _)| free_slug(toolkit, names, first, taken)) {
                tracing::warn!(
                    toolkit,
                    operation = pin.operation,
                    from = pin.slug,
                    to = slug,
                    "a tool has another slug"
                );
                taken.insert(slug.clone());
                self.changes.push(PinChange::Rename { operation: pin.operation.clone(), slug });
            }
            return;
        }
        let accepted = definitions.iter().find(|(_, hash)| Some(*hash) == pin.accepted);
        let other = definitions.iter().rfind(|(_, hash)| Some(*hash) != pin.accepted);
        if let Some((definition, hash)) = accepted {
            let definition = ToolDefinition { slug: pin.slug.clone(), ..(*definition).clone() };
            self.settled.tools.push((definition, Some(*hash)));
        }
        let operation = pin.operation.clone();
        match other {
            None if pin.held.is_some() => self.changes.push(PinChange::Settle { operation }),
            None => {}
            Some((definition, hash)) if pinning == Pinning::Off => {
                // Of several, the one that is accepted already stays, so that they do not take turns.
                if accepted.is_none() {
                    self.changes.push(PinChange::Accept { operation, definition: pinned(definition, *hash) });
                } else if pin.held.is_some() {
                    self.changes.push(PinChange::Settle { operation });
                }
            }
            Some((definition, hash)) => {
                let held = HeldTool {
                    toolkit: toolkit.to_owned(),
                    operation: operation.clone(),
                    slug: pin.slug.clone(),
                    is_new: pin.accepted.is_none(),
                    hash: *hash,
                };
                if pin.held != Some(*hash) {
                    self.changes.push(PinChange::Hold { operation, definition: pinned(definition, *hash) });
                    self.newly_held.push(held.clone());
                }
                self.settled.held.push(held);
            }
        }
    }

    fn newcomer(
        &mut self,
        toolkit: &str,
        pinning: Pinning,
        names: &Names,
        definitions: &[(&ToolDefinition, [u8; 32])],
        known_slugs: &HashSet<String>,
        taken: &mut HashSet<String>,
    ) {
        let Some((definition, hash)) = definitions.first() else { return };
        let operation = &definition.operation;
        let plain = slug::plain(toolkit, operation);
        let collides = plain.is_some_and(|plain| known_slugs.contains(&plain) || !names.owns(toolkit, &plain));
        let Some(slug) = free_slug(toolkit, names, definition, taken) else {
            tracing::warn!(toolkit, operation, "an operation is left out: no slug is free for it");
            return;
        };
        taken.insert(slug.clone());
        let is_accepted = !(collides || self.has_other_ground) || pinning == Pinning::Off;
        if !is_accepted {
            self.newly_held.push(HeldTool {
                toolkit: toolkit.to_owned(),
                operation: operation.clone(),
                slug: slug.clone(),
                is_new: true,
                hash: *hash,
            });
        }
        self.changes.push(PinChange::Add {
            operation: operation.clone(),
            slug,
            definition: pinned(definition, *hash),
            is_accepted,
        });
    }
}

fn pinned(definition: &ToolDefinition, hash: [u8; 32]) -> PinnedDefinition {
    let text = fingerprint::definition_text(definition);
    let text = if text.len() <= LONGEST {
        text
    } else {
        let short = |text: &str| text.chars().take(1_000).collect::<String>();
        json!({
            "name": definition.operation,
            "title": short(&definition.title),
            "description": short(&definition.description),
            "left_out": format!("all else, of {} bytes together", text.len()),
        })
        .to_string()
    };
    PinnedDefinition { hash, text }
}

/// The slug that a source proposes, if it belongs to the toolkit and to no other tool; else one with a hash.
fn free_slug(toolkit: &str, names: &Names, definition: &ToolDefinition, taken: &HashSet<String>) -> Option<String> {
    let is_free = |slug: &String| names.owns(toolkit, slug) && !taken.contains(slug);
    let proposed = definition.slug.to_ascii_uppercase();
    if is_free(&proposed) {
        return Some(proposed);
    }
    let operation = &definition.operation;
    if !names.owns(toolkit, &proposed) {
        tracing::warn!(
            toolkit,
            operation,
            slug = proposed,
            "a slug that belongs to another toolkit is not given to a tool"
        );
    }
    let beside = (0..).map_while(|attempt| slug::beside(toolkit, operation, attempt));
    let apart = (0..).map_while(|attempt| slug::apart(toolkit, operation, attempt));
    beside.chain(apart).find(is_free)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(toolkit: &str, operation: &str, description: &str) -> ToolDefinition {
        ToolDefinition {
            slug: slug::tool(toolkit, operation),
            operation: operation.to_owned(),
            title: operation.to_owned(),
            description: description.to_owned(),
            input_schema: json!({"type": "object"}),
            output_schema: None,
            tags: Vec::new(),
            cautions: Vec::new(),
            facts: Value::Null,
        }
    }

    fn slugs(settled: &Settled) -> Vec<&str> {
        settled.tools.iter().map(|(tool, _)| tool.slug.as_str()).collect()
    }

    #[test]
    fn a_tool_that_is_not_pinned_has_a_slug_of_its_own_toolkit() {
        let names = Names::new(["git", "git_hub"].into_iter());
        let git =
            unpinned("git", &names, &[tool("git", "hub_sync", ""), tool("git", "log", ""), tool("git", "LOG", "")]);
        let [foreign, log, twin] = slugs(&git)[..] else { panic!("{git:?}") };
        assert!(foreign.starts_with("GIT_") && foreign.ends_with("_HUB_SYNC"), "{foreign}");
        assert!(names.owns("git", foreign));
        assert_eq!(log, "GIT_LOG");
        assert!(twin.starts_with("GIT_LOG_") && twin != log, "{twin}");
        assert!(git.slugs.contains("git_log") && git.slugs.contains("git_hub_sync"));
        let hub = unpinned("git_hub", &names, &[tool("git_hub", "sync", "")]);
        assert_eq!(slugs(&hub), ["GIT_HUB_SYNC"]);
    }
}
