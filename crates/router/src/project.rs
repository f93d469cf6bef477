//! Projects: what keeps the tenants of one router apart.

use std::fmt;
use std::sync::Arc;

use composio_contract::{Error, Result};

/// The project of a router that nobody shares, and of everything stored before there were projects.
const DEFAULT: &str = "default";
const LONGEST: usize = 64;

/// The project that a call belongs to. Sessions, log entries and files of one are invisible to another.
///
/// It comes from whoever let the call in, such as a server that knows the caller's key; never from the call itself.
///
/// ```
/// use composio_router::Project;
///
/// assert_eq!(Project::new("shop-1")?.as_str(), "shop-1");
/// assert_eq!(Project::default().as_str(), "default");
/// assert!(Project::new("../shop").is_err());
/// # Ok::<(), composio_contract::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Project(Arc<str>);

impl Project {
    /// A project by its name: 1 to 64 lower case letters, digits, `-` and `_`, a letter or digit first.
    ///
    /// # Errors
    /// [`composio_contract::ErrorKind::Validation`] where it is another text.
    pub fn new(name: &str) -> Result<Self> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = name.as_bytes();
        if bytes.len() > LONGEST
            || !bytes.first().copied().is_some_and(fits)
            || !bytes.iter().all(|byte| fits(*byte) || matches!(byte, b'-' | b'_'))
        {
            return Err(Error::validation(format!(
                "{name:?} is not the name of a project: 1 to {LONGEST} lower case letters, digits, - and _, a letter or \
                 digit first"
            )));
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the project of a router that nobody shares.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.as_str() == DEFAULT
    }
}

impl Default for Project {
    fn default() -> Self {
        Self(DEFAULT.into())
    }
}

impl fmt::Display for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
