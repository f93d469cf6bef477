//! Where a store lies.

use std::fmt;
use std::path::{Path, PathBuf};

use composio_contract::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

const SCHEMES: [&str; 2] = ["postgres", "postgresql"];
/// What a URL may say after its `?`; the driver's own meaning holds.
const PARAMETERS: [&str; 7] = ["application_name", "host", "options", "sslcert", "sslkey", "sslmode", "sslrootcert"];
const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Where the database lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In this SQLite file, made where it does not exist.
    File(PathBuf),
    /// In memory, gone with the store.
    Memory,
    /// In a PostgreSQL database, which several servers may share.
    Postgres(DatabaseUrl),
}

impl Location {
    /// Reads `:memory:`, a `postgres://` URL, or the path of a file.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where it is a URL with something wrong about it. The error has no password.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "" => Err(Error::new(ErrorKind::Configuration, "the database has no name")
                .with_suggested_fix("give the path of a file, `:memory:` or a postgres:// URL")),
            ":memory:" => Ok(Self::Memory),
            _ if is_path(text) => Ok(Self::File(text.into())),
            _ => DatabaseUrl::parse(text).map(Self::Postgres),
        }
    }
}

/// Without a password.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Memory => f.write_str("in memory"),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// Whether a text that names a database is the path of a file.
pub(crate) fn is_path(text: &str) -> bool {
    text != ":memory:" && !text.contains("://")
}

/// The same path, from a folder; other names of databases as they are.
pub(crate) fn in_folder(text: &str, folder: &Path) -> Option<String> {
    is_path(text).then(|| folder.join(text).to_string_lossy().into_owned())
}

/// The URL of a PostgreSQL database: `postgres://user:password@host:5432/database?sslmode=verify-full`.
///
/// A user or password that it lacks comes from `PGUSER`, `PGPASSWORD` and `~/.pgpass`. It is shown without its password.
#[derive(Clone)]
pub struct DatabaseUrl {
    url: SecretString,
    shown: String,
}

impl DatabaseUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`], without the password.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why: String| {
            Error::new(ErrorKind::Configuration, format!("the URL of the database cannot be used: {why}"))
                .with_suggested_fix("write it as postgres://user:password@host:5432/database?sslmode=verify-full")
        };
        let url = Url::parse(text).map_err(|error| {
            refuse(format!("{error}; characters such as @ / : # % in a user or password are written as %40 and so on"))
        })?;
        if !SCHEMES.contains(&url.scheme()) {
            return Err(refuse(format!("it must begin with postgres://, not with {}://", url.scheme())));
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(refuse("it names no database".to_owned()));
        }
        if url.fragment().is_some() {
            return Err(refuse("it has a #; in a password that is written as %23".to_owned()));
        }
        for (name, value) in url.query_pairs() {
            if !PARAMETERS.contains(&name.as_ref()) && !name.starts_with("options[") {
                return Err(refuse(format!("there is no parameter `{name}`; there are {}", PARAMETERS.join(", "))));
            }
            if name == "sslmode" && !SSL_MODES.contains(&value.as_ref()) {
                return Err(refuse(format!("sslmode may be {}", SSL_MODES.join(", "))));
            }
        }
        let mut shown = url.clone();
        // Neither fails for a URL with a host; of one without there is nothing to hide.
        let _ = shown.set_password(None);
        shown.set_query(None);
        Ok(Self { url: text.into(), shown: shown.into() })
    }

    /// The URL with its password.
    #[cfg(feature = "postgres")]
    pub(super) fn expose(&self) -> &str {
        self.url.expose_secret()
    }
}

impl PartialEq for DatabaseUrl {
    fn eq(&self, other: &Self) -> bool {
        self.url.expose_secret() == other.url.expose_secret()
    }
}

impl Eq for DatabaseUrl {}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_a_file_memory_or_a_url() {
        assert_eq!(Location::parse(":memory:").unwrap(), Location::Memory);
        assert_eq!(Location::parse("a/b.db").unwrap(), Location::File("a/b.db".into()));
        let url = Location::parse("postgres://ada:s3cret@db.example/composio?sslmode=verify-full").unwrap();
        assert_eq!(url.to_string(), "postgres://ada@db.example/composio");
        assert!(!format!("{url:?}").contains("s3cret"));
    }

    #[test]
    fn a_wrong_url_is_refused_without_its_password() {
        for (text, expected) in [
            ("", "no name"),
            ("mysql://ada:s3cret@db/x", "postgres://, not with mysql://"),
            ("postgres://ada:s3cret@db", "names no database"),
            ("postgres://ada:s3c/ret@db/x", "cannot be used"),
            ("postgres://ada:s3cret@db:port/x", "invalid port number"),
            ("postgres://ada:s3cret@db/x#y", "%23"),
            ("postgres://ada:s3cret@db/x?sslmode=yes", "sslmode may be disable"),
            ("postgres://ada:s3cret@db/x?pool=7", "no parameter `pool`"),
        ] {
            let error = Location::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(expected), "{shown}");
            assert!(!shown.contains("s3c"), "{shown}");
        }
    }
}
