//! Auth configs: how the accounts of a toolkit are made.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Extra, RawJson};

/// `GET /auth_configs`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthConfigsQuery {
    /// At most so many a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Those of one toolkit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toolkit_slug: Option<String>,
    /// Further parameters of the contract, such as `search`.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `GET /auth_configs/{nanoid}`
#[derive(Clone, Serialize, Deserialize)]
pub struct AuthConfig {
    /// Its id.
    pub id: String,
    /// Further facts.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Without further facts, which may hold a credential.
impl fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthConfig").field("id", &self.id).finish_non_exhaustive()
    }
}

/// `POST /auth_configs`
#[derive(Clone, Serialize, Deserialize)]
pub struct CreateAuthConfig {
    /// The toolkit.
    pub toolkit: SlugRef,
    /// How its accounts are made, as the contract has it. Secret.
    pub auth_config: RawJson,
}

impl fmt::Debug for CreateAuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateAuthConfig").field("toolkit", &self.toolkit).finish_non_exhaustive()
    }
}

/// Something by its slug.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SlugRef {
    /// The slug.
    pub slug: String,
}

/// An auth config that was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CreatedAuthConfig {
    /// The auth config.
    pub auth_config: AuthConfig,
    /// Its toolkit.
    pub toolkit: SlugRef,
}
