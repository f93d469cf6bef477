//! Tickets: signed texts that let their bearer put or get one file for a while.
//!
//! A ticket carries what it stands for, so that any process that shares the store can redeem it, also after a restart.

use std::time::Duration;

use composio_contract::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock;
use crate::project::Project;
use crate::signer::Signer;
use crate::store::Store;

/// What the URLs of files begin with. A server puts its own address in place of it.
pub const FILE_URL_SCHEME: &str = "composio-file:";
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// What a ticket is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    Upload,
    Download,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    /// Tells one upload from another.
    id: String,
    purpose: Purpose,
    project: String,
    user_id: String,
    path: String,
    /// Milliseconds since 1970.
    expires: i64,
}

/// Whose file a ticket is for.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) project: Project,
    pub(crate) user_id: String,
    pub(crate) path: String,
}

/// Issues and redeems tickets.
#[derive(Default)]
pub(crate) struct Tickets {
    signer: Signer,
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

impl Tickets {
    /// What signs the tickets; the same key signs other texts too.
    pub(crate) fn signer(&self) -> &Signer {
        &self.signer
    }

    /// A URL and when it lapses, RFC 3339.
    pub(crate) async fn issue(&self, store: &dyn Store, ticket: Ticket, purpose: Purpose) -> Result<(String, String)> {
        let lifetime = i64::try_from(LIFETIME.as_millis()).unwrap_or(i64::MAX);
        let claims = Claims {
            id: Uuid::new_v4().simple().to_string(),
            purpose,
            project: ticket.project.to_string(),
            user_id: ticket.user_id,
            path: ticket.path,
            expires: clock::millis().saturating_add(lifetime),
        };
        let url = format!("{FILE_URL_SCHEME}{}", self.signer.sign(store, &claims).await?);
        Ok((url, clock::rfc3339(claims.expires)))
    }

    /// What a URL stands for; one for an upload serves once, among all processes that share the store.
    pub(crate) async fn redeem(&self, store: &dyn Store, url: &str, purpose: Purpose) -> Result<Ticket> {
        let signed = url.strip_prefix(FILE_URL_SCHEME).unwrap_or_default();
        let claims: Option<Claims> = self.signer.read(store, signed).await?;
        let fits = |claims: &Claims| claims.purpose == purpose && claims.expires > clock::millis();
        let claims = claims.filter(fits).ok_or_else(|| refused(purpose))?;
        let project = Project::new(&claims.project).map_err(|_| refused(purpose))?;
        if purpose == Purpose::Upload && !store.use_ticket(&claims.id, claims.expires).await? {
            return Err(refused(purpose));
        }
        Ok(Ticket { project, user_id: claims.user_id, path: claims.path })
    }
}

fn refused(purpose: Purpose) -> Error {
    let (kind, what) = match purpose {
        Purpose::Upload => (ErrorKind::Upload, "an upload"),
        Purpose::Download => (ErrorKind::Download, "a download"),
    };
    Error::new(kind, format!("the URL is not one for {what} that this router gave out, or it has lapsed or was used"))
        .with_suggested_fix("ask for a new URL")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Location, SqliteStore};

    fn ticket() -> Ticket {
        Ticket { project: Project::new("shop").unwrap(), user_id: "ada".to_owned(), path: "a/b.txt".to_owned() }
    }

    #[tokio::test]
    async fn a_ticket_serves_its_purpose_only() {
        let store = SqliteStore::open(&Location::Memory).unwrap();
        let tickets = Tickets::default();
        let (up, _) = tickets.issue(&store, ticket(), Purpose::Upload).await.unwrap();
        let (down, _) = tickets.issue(&store, ticket(), Purpose::Download).await.unwrap();
        assert_eq!(tickets.redeem(&store, &up, Purpose::Download).await.unwrap_err().kind(), ErrorKind::Download);
        assert_eq!(tickets.redeem(&store, &down, Purpose::Upload).await.unwrap_err().kind(), ErrorKind::Upload);
        let read = tickets.redeem(&store, &up, Purpose::Upload).await.unwrap();
        assert_eq!((read.project.as_str(), read.user_id.as_str(), read.path.as_str()), ("shop", "ada", "a/b.txt"));
        assert!(tickets.redeem(&store, &up, Purpose::Upload).await.is_err(), "an upload serves once");
        for _ in 0..2 {
            tickets.redeem(&store, &down, Purpose::Download).await.unwrap();
        }
        // A process that shares the store takes it too; one with another store does not.
        assert!(Tickets::default().redeem(&store, &up, Purpose::Upload).await.is_err(), "also in another process");
        Tickets::default().redeem(&store, &down, Purpose::Download).await.unwrap();
        let other = SqliteStore::open(&Location::Memory).unwrap();
        assert!(Tickets::default().redeem(&other, &down, Purpose::Download).await.is_err());
    }

    #[tokio::test]
    async fn no_changed_or_lapsed_ticket_is_taken() {
        let store = SqliteStore::open(&Location::Memory).unwrap();
        let tickets = Tickets::default();
        let (url, _) = tickets.issue(&store, ticket(), Purpose::Download).await.unwrap();
        for at in FILE_URL_SCHEME.len()..url.len() {
            let mut changed = url.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(tickets.redeem(&store, &changed, Purpose::Download).await.is_err(), "{at}");
        }
        for text in ["", FILE_URL_SCHEME, "composio-file:.", "composio-file:e30.e30", "https://example.org/"] {
            assert!(tickets.redeem(&store, text, Purpose::Download).await.is_err(), "{text}");
        }
        let lapsed = Claims {
            id: Uuid::new_v4().simple().to_string(),
            purpose: Purpose::Download,
            project: "shop".to_owned(),
            user_id: "ada".to_owned(),
            path: "a".to_owned(),
            expires: clock::millis() - 1,
        };
        let lapsed = format!("{FILE_URL_SCHEME}{}", tickets.signer().sign(&store, &lapsed).await.unwrap());
        assert!(tickets.redeem(&store, &lapsed, Purpose::Download).await.is_err());
    }
}
