//! Session tokens: signed texts that open one session, for a client that is to have nothing else.

use std::time::Duration;

use composio_contract::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::project::Project;
use crate::router::Router;

const PREFIX: &str = "st_";

/// Tells the claims of a session token from those of a file's ticket, which the same key signs.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    Session,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    purpose: Purpose,
    project: String,
    session_id: String,
    /// Milliseconds since 1970.
    expires: i64,
}

impl Router {
    /// A text that opens one session of this router's project until the time that comes with it, RFC 3339. It is a
    /// secret. Deleting the session revokes it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where the project has no such session.
    pub async fn session_token(&self, session_id: &str, lifetime: Duration) -> Result<(String, String)> {
        let session = self.session(session_id).await?;
        let lifetime = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        let claims = Claims {
            purpose: Purpose::Session,
            project: session.project.to_string(),
            session_id: session.id.clone(),
            expires: clock::millis().saturating_add(lifetime),
        };
        let signed = self.tickets.signer().sign(self.store.as_ref(), &claims).await?;
        Ok((format!("{PREFIX}{signed}"), clock::rfc3339(claims.expires)))
    }

    /// The project and the session that a token opens; none where it is not one of this store's, or has lapsed. Whether
    /// the session is still there is for the calls in it to say.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`], or where the store cannot be read.
    pub async fn session_of_token(&self, token: &str) -> Result<Option<(Project, String)>> {
        self.ensure_open()?;
        let Some(signed) = token.strip_prefix(PREFIX) else { return Ok(None) };
        let claims: Option<Claims> = self.tickets.signer().read(self.store.as_ref(), signed).await?;
        let Some(claims) = claims.filter(|claims| claims.expires > clock::millis()) else { return Ok(None) };
        let project = Project::new(&claims.project)
            .map_err(|error| Error::new(ErrorKind::Internal, "a signed project is none").with_source(error))?;
        Ok(Some((project, claims.session_id)))
    }
}

#[cfg(test)]
mod tests {
    use composio_contract::{Backend as _, CreateSession};

    use super::*;
    use crate::RouterConfig;
    use crate::ticket::{Purpose, Ticket};

    #[tokio::test]
    async fn a_token_opens_its_session_until_it_lapses() {
        let folder = tempfile::tempdir().unwrap();
        let router = Router::builder().config(RouterConfig::in_folder(folder.path())).build().unwrap();
        let shop = router.in_project(Project::new("shop").unwrap()).unwrap();
        let request = CreateSession { user_id: "ada".to_owned(), ..CreateSession::default() };
        let id = shop.create_session(&request).await.unwrap().session_id.clone();

        let (token, _) = shop.session_token(&id, Duration::from_secs(60)).await.unwrap();
        let (project, session) = router.session_of_token(&token).await.unwrap().unwrap();
        assert_eq!((project.as_str(), session.as_str()), ("shop", id.as_str()));
        let (lapsed, _) = shop.session_token(&id, Duration::ZERO).await.unwrap();
        assert_eq!(router.session_of_token(&lapsed).await.unwrap(), None);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(router.session_of_token(&String::from_utf8(changed).unwrap()).await.unwrap(), None, "{at}");
        }
        let error = router.session_token(&id, Duration::from_secs(60)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "another project has no such session");
    }

    #[tokio::test]
    async fn a_ticket_is_no_token_and_a_token_no_ticket() {
        let folder = tempfile::tempdir().unwrap();
        let router = Router::builder().config(RouterConfig::in_folder(folder.path())).build().unwrap();
        let request = CreateSession { user_id: "ada".to_owned(), ..CreateSession::default() };
        let id = router.create_session(&request).await.unwrap().session_id.clone();
        let ticket = Ticket { project: Project::default(), user_id: "ada".to_owned(), path: "a.txt".to_owned() };
        let (url, _) = router.tickets.issue(router.store(), ticket, Purpose::Download).await.unwrap();
        let signed = url.strip_prefix(crate::FILE_URL_SCHEME).unwrap();
        assert_eq!(router.session_of_token(&format!("{PREFIX}{signed}")).await.unwrap(), None);

        let (token, _) = router.session_token(&id, Duration::from_secs(60)).await.unwrap();
        let url = format!("{}{}", crate::FILE_URL_SCHEME, token.strip_prefix(PREFIX).unwrap());
        assert!(router.tickets.redeem(router.store(), &url, Purpose::Download).await.is_err());
    }
}
