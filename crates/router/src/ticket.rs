//! Tickets: signed texts that let their bearer put or get one file for a while.
//!
//! A ticket carries what it stands for, so that any process that shares the store can redeem it, also after a restart.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
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

impl Ticket {
    /// A name for whose file it is, which no other user has.
    pub(crate) fn owner(&self) -> String {
        format!("{}\0{}", self.project, self.user_id)
    }
}

/// A ticket for an upload that was checked and is not used yet. No other upload of this process can have it until this is
/// dropped, so that one ticket cannot make a server receive many files at the same time.
#[derive(Debug)]
pub(crate) struct Unused {
    pub(crate) ticket: Ticket,
    id: String,
    expires: i64,
    open: Arc<Mutex<HashSet<String>>>,
}

impl Unused {
    /// Uses the ticket up, once among all processes that share the store.
    ///
    /// # Errors
    /// [`ErrorKind::Upload`] if it lapsed or was used in the meantime.
    pub(crate) async fn use_up(&self, store: &dyn Store) -> Result<()> {
        if self.expires > clock::millis() && store.use_ticket(&self.id, self.expires).await? {
            return Ok(());
        }
        Err(refused(Purpose::Upload))
    }
}

impl Drop for Unused {
    fn drop(&mut self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// Issues and redeems tickets.
#[derive(Default)]
pub(crate) struct Tickets {
    signer: Signer,
    /// The ids of uploads that are under way.
    open: Arc<Mutex<HashSet<String>>>,
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

impl Tickets {
    /// Tickets signed by this signer.
    pub(crate) fn new(signer: Signer) -> Self {
        Self { signer, open: Arc::default() }
    }

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

    /// What a URL for a download stands for.
    pub(crate) async fn redeem(&self, store: &dyn Store, url: &str) -> Result<Ticket> {
        self.read(store, url, Purpose::Download).await.map(|(ticket, _)| ticket)
    }

    /// What a URL for an upload stands for, if the upload may begin: nothing is used up yet.
    ///
    /// # Errors
    /// [`ErrorKind::Upload`] if the URL is not one, has lapsed or was used; [`ErrorKind::Conflict`] if an upload to it is
    /// under way.
    pub(crate) async fn begin(&self, store: &dyn Store, url: &str) -> Result<Unused> {
        let (ticket, claims) = self.read(store, url, Purpose::Upload).await?;
        if store.is_ticket_used(&claims.id).await? {
            return Err(refused(Purpose::Upload));
        }
        if !self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(claims.id.clone()) {
            let message = "another upload to this URL is under way";
            return Err(Error::new(ErrorKind::Conflict, message)
                .with_status(409)
                .with_suggested_fix("wait until it has ended, or ask for a new URL"));
        }
        Ok(Unused { ticket, id: claims.id, expires: claims.expires, open: Arc::clone(&self.open) })
    }

    async fn read(&self, store: &dyn Store, url: &str, purpose: Purpose) -> Result<(Ticket, Claims)> {
        let signed = url.strip_prefix(FILE_URL_SCHEME).unwrap_or_default();
        let claims: Option<Claims> = self.signer.read(store, signed).await?;
        let fits = |claims: &Claims| claims.purpose == purpose && claims.expires > clock::millis();
        let claims = claims.filter(fits).ok_or_else(|| refused(purpose))?;
        let project = Project::new(&claims.project).map_err(|_| refused(purpose))?;
        Ok((Ticket { project, user_id: claims.user_id.clone(), path: claims.path.clone() }, claims))
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
        assert_eq!(tickets.redeem(&store, &up).await.unwrap_err().kind(), ErrorKind::Download);
        assert_eq!(tickets.begin(&store, &down).await.unwrap_err().kind(), ErrorKind::Upload);
        let unused = tickets.begin(&store, &up).await.unwrap();
        let read = &unused.ticket;
        assert_eq!((read.project.as_str(), read.user_id.as_str(), read.path.as_str()), ("shop", "ada", "a/b.txt"));
        for _ in 0..2 {
            tickets.redeem(&store, &down).await.unwrap();
        }
        drop(unused);
        // A process that shares the store takes it too; one with another store does not.
        Tickets::default().redeem(&store, &down).await.unwrap();
        let other = SqliteStore::open(&Location::Memory).unwrap();
        assert!(Tickets::default().redeem(&other, &down).await.is_err());
    }

    #[tokio::test]
    async fn an_upload_serves_once_and_only_if_it_succeeds() {
        let store = SqliteStore::open(&Location::Memory).unwrap();
        let (tickets, other) = (Tickets::default(), Tickets::default());
        let (up, _) = tickets.issue(&store, ticket(), Purpose::Upload).await.unwrap();
        // One that breaks off leaves it as it was.
        let first = tickets.begin(&store, &up).await.unwrap();
        assert_eq!(tickets.begin(&store, &up).await.unwrap_err().kind(), ErrorKind::Conflict, "one at a time");
        drop(first);
        let here = tickets.begin(&store, &up).await.unwrap();
        // In another process one may begin, and only one of the two is done.
        let elsewhere = other.begin(&store, &up).await.unwrap();
        elsewhere.use_up(&store).await.unwrap();
        assert_eq!(here.use_up(&store).await.unwrap_err().kind(), ErrorKind::Upload);
        drop((here, elsewhere));
        for tickets in [&tickets, &other] {
            assert_eq!(tickets.begin(&store, &up).await.unwrap_err().kind(), ErrorKind::Upload);
        }
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
            assert!(tickets.redeem(&store, &changed).await.is_err(), "{at}");
        }
        for text in ["", FILE_URL_SCHEME, "composio-file:.", "composio-file:e30.e30", "https://example.org/"] {
            assert!(
                tickets.redeem(&store, text).await.is_err() && tickets.begin(&store, text).await.is_err(),
                "{text}"
            );
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
        assert!(tickets.redeem(&store, &lapsed).await.is_err());
    }
}
