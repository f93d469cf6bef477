//! Pins in the store: what is known of the tools of servers, so that a changed definition is noticed.

use std::fmt;

use async_trait::async_trait;
use composio_contract::Result;

/// What is known of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinRow {
    /// The toolkit's slug.
    pub toolkit: String,
    /// The source's own name of the operation.
    pub operation: String,
    /// The tool's slug, which stays its own whatever else the toolkit has.
    pub slug: String,
    /// When it was first seen, milliseconds since 1970.
    pub first_seen: i64,
    /// The hash of the definition that may run; see [`definition_hash`](crate::definition_hash). None while the tool waits for
    /// its first acceptance.
    pub accepted: Option<[u8; 32]>,
    /// The hash of the definition that waits to be accepted.
    pub held: Option<[u8; 32]>,
    /// When it was held, milliseconds since 1970.
    pub held_at: Option<i64>,
}

/// The definitions of a tool, as JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedDefinitions {
    /// The one that may run.
    pub accepted: Option<String>,
    /// The one that waits to be accepted.
    pub held: Option<String>,
}

/// A definition, by its hash and as JSON text.
#[derive(Clone, PartialEq, Eq)]
pub struct PinnedDefinition {
    /// See [`definition_hash`](crate::definition_hash).
    pub hash: [u8; 32],
    /// The text.
    pub text: String,
}

/// Without the text, which may be long.
impl fmt::Debug for PinnedDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinnedDefinition").field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// A change of a toolkit's pins. A change that another process has made impossible in the meantime does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinChange {
    /// Adds a tool that is not known, if its slug is free.
    Add {
        /// The source's own name.
        operation: String,
        /// Its slug.
        slug: String,
        /// What it is.
        definition: PinnedDefinition,
        /// Whether it may run; else it is held.
        is_accepted: bool,
    },
    /// Holds another definition than the accepted one.
    Hold {
        /// The source's own name.
        operation: String,
        /// What it has become.
        definition: PinnedDefinition,
    },
    /// Accepts a definition.
    Accept {
        /// The source's own name.
        operation: String,
        /// What it has become.
        definition: PinnedDefinition,
    },
    /// Forgets what was held: the tool is what it was before.
    Settle {
        /// The source's own name.
        operation: String,
    },
    /// Gives a tool another slug, if it is free.
    Rename {
        /// The source's own name.
        operation: String,
        /// The slug.
        slug: String,
    },
}

/// The part of a store that keeps pins. Several processes may share it.
#[async_trait]
pub trait PinStore: fmt::Debug + Send + Sync {
    /// The pins of a toolkit, or all of them, by toolkit and operation.
    async fn pins(&self, toolkit: Option<&str>) -> Result<Vec<PinRow>>;

    /// The pins of a toolkit, or all of them, whose tools are held. Cheap where none is.
    async fn held(&self, toolkit: Option<&str>) -> Result<Vec<PinRow>>;

    /// The definitions of a tool; none where it is not known.
    async fn pinned(&self, toolkit: &str, operation: &str) -> Result<Option<PinnedDefinitions>>;

    /// Changes the pins of a toolkit.
    async fn change_pins(&self, toolkit: &str, changes: Vec<PinChange>) -> Result<()>;

    /// Accepts what is held of a toolkit, of these operations or of all, and answers which had something to accept.
    async fn trust(&self, toolkit: &str, operations: Option<Vec<String>>) -> Result<Vec<String>>;
}
