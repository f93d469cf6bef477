//! What a tool does, as its server says, as the operator says, and as the rules take it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::source::Tag;

/// Hints about what a tool does, in the words of MCP. One that is left out is not given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hints {
    /// Whether it changes nothing.
    pub read_only: Option<bool>,
    /// Whether it may remove or overwrite what exists.
    pub destructive: Option<bool>,
    /// Whether the same call twice has the effect of one.
    pub idempotent: Option<bool>,
    /// Whether it reaches beyond the server's own data.
    pub open_world: Option<bool>,
}

impl Hints {
    /// The tool's tags, and what rules that exclude a tool, or ask first, take it for beside them.
    ///
    /// The operator's hints, these, go before the server's. What nobody says is the protocol's default for those rules:
    /// destructive and open to the world. A server that is not trusted with its hints cannot say otherwise, only worse.
    pub(super) fn judge(&self, server: &Self, is_trusted: bool) -> (Vec<Tag>, Vec<Tag>) {
        let said = Self {
            read_only: self.read_only.or(server.read_only),
            destructive: self.destructive.or(server.destructive),
            idempotent: self.idempotent.or(server.idempotent),
            open_world: self.open_world.or(server.open_world),
        };
        // By the operator's word what is read-only is not destructive, whatever the server says.
        let is_harmless =
            self.destructive == Some(false) || (self.destructive.is_none() && self.read_only == Some(true));
        let tags = [
            (said.read_only == Some(true), Tag::ReadOnly),
            (said.destructive == Some(true) && !is_harmless, Tag::Destructive),
            (said.idempotent == Some(true), Tag::Idempotent),
            (said.open_world == Some(true), Tag::OpenWorld),
        ];
        let believed = if is_trusted { said } else { *self };
        let cautions = [
            (!is_harmless && believed.destructive != Some(false) && believed.read_only != Some(true), Tag::Destructive),
            (believed.open_world != Some(false), Tag::OpenWorld),
        ];
        let chosen = |all: &[(bool, Tag)]| all.iter().filter(|(holds, _)| *holds).map(|(_, tag)| *tag).collect();
        (chosen(&tags), chosen(&cautions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Hints = Hints { read_only: None, destructive: None, idempotent: None, open_world: None };
    const MEEK: Hints =
        Hints { read_only: Some(true), destructive: Some(false), idempotent: Some(true), open_world: Some(false) };
    const FIERCE: Hints =
        Hints { read_only: Some(false), destructive: Some(true), idempotent: None, open_world: Some(true) };

    #[test]
    fn a_server_can_only_make_it_worse_unless_it_is_trusted() {
        let worst = vec![Tag::Destructive, Tag::OpenWorld];
        assert_eq!(NONE.judge(&NONE, false), (vec![], worst.clone()));
        assert_eq!(NONE.judge(&NONE, true), (vec![], worst.clone()));
        assert_eq!(NONE.judge(&MEEK, false), (vec![Tag::ReadOnly, Tag::Idempotent], worst.clone()));
        assert_eq!(NONE.judge(&MEEK, true), (vec![Tag::ReadOnly, Tag::Idempotent], vec![]));
        assert_eq!(NONE.judge(&FIERCE, false), (worst.clone(), worst.clone()));
        // What is not read-only is destructive until somebody says no.
        let vague = Hints { read_only: Some(false), ..NONE };
        assert_eq!(NONE.judge(&vague, true), (vec![], worst));
        let reader = Hints { read_only: Some(true), ..NONE };
        assert_eq!(NONE.judge(&reader, true), (vec![Tag::ReadOnly], vec![Tag::OpenWorld]));
    }

    #[test]
    fn the_operators_word_goes_first() {
        let reader = Hints { read_only: Some(true), ..NONE };
        assert_eq!(reader.judge(&FIERCE, false), (vec![Tag::ReadOnly, Tag::OpenWorld], vec![Tag::OpenWorld]));
        assert_eq!(MEEK.judge(&FIERCE, false), (vec![Tag::ReadOnly, Tag::Idempotent], vec![]));
        let worst = vec![Tag::Destructive, Tag::OpenWorld];
        assert_eq!(FIERCE.judge(&MEEK, true), (vec![Tag::Destructive, Tag::Idempotent, Tag::OpenWorld], worst));
    }
}
