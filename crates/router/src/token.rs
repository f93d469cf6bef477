//! Session tokens: signed texts that open one session, for a client that is to have nothing else.

use std::fmt;
use std::time::Duration;

use composio_contract::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock;
use crate::project::Project;
use crate::router::Router;
use crate::store::Revocation;

const PREFIX: &str = "st_";
/// What the ids of tokens begin with.
const ID_PREFIX: &str = "tok_";
/// Replies carry the same token for so long, in milliseconds; it is good for twice as long.
const SPAN: i64 = 12 * 60 * 60 * 1_000;

/// A token that opens one session.
#[derive(Clone)]
pub struct SessionToken {
    /// Names it for its revocation. No secret.
    pub id: String,
    /// The token. Secret.
    pub token: String,
    /// When it lapses, RFC 3339.
    pub expires_at: String,
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionToken").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Tells the claims of a session token from those of a file's ticket, which the same key signs.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    Session,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    purpose: Purpose,
    id: String,
    project: String,
    session_id: String,
    /// Milliseconds since 1970.
    made: i64,
    /// Milliseconds since 1970.
    expires: i64,
}

impl Router {
    /// Sees that there is a key to sign tokens and URLs of files with, and that it is sealed in the store. Without this it is seen
    /// to when the first one is signed or read.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where the master key is not the one that it is sealed with.
    pub async fn check_signing_key(&self) -> Result<()> {
        self.tickets.signer().sign(self.store.as_ref(), &()).await.map(drop)
    }

    /// Signs with a new key from now on. Every session token and URL of a file that was made before ends: here at once, and in
    /// other processes that share the store within a second.
    ///
    /// # Errors
    /// As [`Router::check_signing_key`], and where the store cannot be written.
    pub async fn rotate_signing_key(&self) -> Result<()> {
        self.tickets.signer().rotate(self.store.as_ref()).await
    }

    /// A text that opens one session of this router's project until the time that comes with it. Deleting the session
    /// revokes it, and [`Router::revoke_session_token`] does.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where the project has no such session.
    pub async fn session_token(&self, session_id: &str, lifetime: Duration) -> Result<SessionToken> {
        let lifetime = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        let made = clock::millis().max(self.after_revocations(session_id).await?);
        let id = format!("{ID_PREFIX}{}", Uuid::new_v4().simple());
        self.sign_token(session_id, id, made, clock::millis().saturating_add(lifetime)).await
    }

    /// The token that the session's replies carry now. It is the same for some hours, unless one of the session's tokens
    /// is revoked, and good for some hours after that: it is not kept anywhere, but made each time.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where the project has no such session.
    pub async fn reply_token(&self, session_id: &str) -> Result<SessionToken> {
        let now = clock::millis();
        let start = now - now.rem_euclid(SPAN);
        let made = start.max(self.after_revocations(session_id).await?);
        self.sign_token(session_id, format!("{ID_PREFIX}reply_{made}"), made, start + 2 * SPAN).await
    }

    async fn sign_token(&self, session_id: &str, id: String, made: i64, expires: i64) -> Result<SessionToken> {
        let session = self.session(session_id).await?;
        let claims = Claims {
            purpose: Purpose::Session,
            id,
            project: session.project.to_string(),
            session_id: session.id.clone(),
            made,
            expires,
        };
        let signed = self.tickets.signer().sign(self.store.as_ref(), &claims).await?;
        let (token, expires_at) = (format!("{PREFIX}{signed}"), clock::rfc3339(expires));
        Ok(SessionToken { id: claims.id, token, expires_at })
    }

    /// The first time at which a token is not among those that were revoked.
    async fn after_revocations(&self, session_id: &str) -> Result<i64> {
        let revocations = self.store.revocations(session_id).await?;
        Ok(revocations.iter().map(|revocation| revocation.revoked_at.saturating_add(1)).max().unwrap_or(i64::MIN))
    }

    /// The project and the session that a token opens; none where it is not one of this store's, has lapsed, or is
    /// revoked. Whether the session is still there is for the calls in it to say.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`], or where the store cannot be read.
    pub async fn session_of_token(&self, token: &str) -> Result<Option<(Project, String)>> {
        self.ensure_open()?;
        let Some(claims) = self.read_token(token).await? else { return Ok(None) };
        if claims.expires <= clock::millis() {
            return Ok(None);
        }
        let revocations = self.store.revocations(&claims.session_id).await?;
        if revocations.iter().any(|revocation| revocation.is_of(&claims.id, claims.made)) {
            return Ok(None);
        }
        let project = Project::new(&claims.project)
            .map_err(|error| Error::new(ErrorKind::Internal, "a signed project is none").with_source(error))?;
        Ok(Some((project, claims.session_id)))
    }

    async fn read_token(&self, token: &str) -> Result<Option<Claims>> {
        let Some(signed) = token.strip_prefix(PREFIX) else { return Ok(None) };
        self.tickets.signer().read(self.store.as_ref(), signed).await
    }

    /// Revokes a token of a session, by itself or by its id, or without one every token of the session that was made
    /// until now, at once and in every process that shares the store. Answers the token's id.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where the project has no such session, [`ErrorKind::Validation`] where what is given is no
    /// token of the session.
    pub async fn revoke_session_token(&self, session_id: &str, token: Option<&str>) -> Result<Option<String>> {
        self.session(session_id).await?;
        let id = match token {
            None => None,
            Some(id) if id.starts_with(ID_PREFIX) => Some(id.to_owned()),
            Some(token) => match self.read_token(token).await? {
                Some(claims) if claims.session_id == session_id => Some(claims.id),
                _ => {
                    let error = Error::validation("what is to be revoked is not a token of this session");
                    return Err(
                        error.with_suggested_fix("give the token, or its id as `sessions token --json` tells it")
                    );
                }
            },
        };
        // Later than any before, so that what is made after it is told apart also within a millisecond.
        let revoked_at = clock::millis().max(self.after_revocations(session_id).await?);
        let revocation = Revocation { token_id: id.clone().unwrap_or_default(), revoked_at };
        self.store.revoke_token(session_id, revocation).await?;
        Ok(id)
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

        let token = shop.session_token(&id, Duration::from_secs(60)).await.unwrap().token;
        let (project, session) = router.session_of_token(&token).await.unwrap().unwrap();
        assert_eq!((project.as_str(), session.as_str()), ("shop", id.as_str()));
        let lapsed = shop.session_token(&id, Duration::ZERO).await.unwrap().token;
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

        let token = router.session_token(&id, Duration::from_secs(60)).await.unwrap().token;
        let url = format!("{}{}", crate::FILE_URL_SCHEME, token.strip_prefix(PREFIX).unwrap());
        assert!(router.tickets.redeem(router.store(), &url).await.is_err());
    }

    async fn opens(router: &Router, token: &SessionToken) -> bool {
        router.session_of_token(&token.token).await.unwrap().is_some()
    }

    #[tokio::test]
    async fn a_revoked_token_opens_nothing_and_others_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let router = Router::builder().config(RouterConfig::in_folder(folder.path())).build().unwrap();
        let request = CreateSession { user_id: "ada".to_owned(), ..CreateSession::default() };
        let id = router.create_session(&request).await.unwrap().session_id.clone();
        let other = router.create_session(&request).await.unwrap().session_id.clone();
        let minute = Duration::from_secs(60);
        let (first, second) =
            (router.session_token(&id, minute).await.unwrap(), router.session_token(&id, minute).await.unwrap());
        let of_reply = router.reply_token(&id).await.unwrap();
        assert_eq!(of_reply.token, router.reply_token(&id).await.unwrap().token, "replies carry the same one");
        let stays = router.reply_token(&other).await.unwrap();

        assert_eq!(router.revoke_session_token(&id, Some(&first.token)).await.unwrap(), Some(first.id.clone()));
        assert!(!opens(&router, &first).await && opens(&router, &second).await && opens(&router, &of_reply).await);
        let next = router.reply_token(&id).await.unwrap();
        router.revoke_session_token(&id, Some(&next.id)).await.unwrap();
        assert!(!opens(&router, &next).await);
        assert!(opens(&router, &router.reply_token(&id).await.unwrap()).await, "replies carry one that is good");

        assert_eq!(router.revoke_session_token(&id, None).await.unwrap(), None);
        assert!(!opens(&router, &second).await && !opens(&router, &of_reply).await);
        assert!(opens(&router, &router.session_token(&id, minute).await.unwrap()).await);
        assert!(opens(&router, &stays).await, "another session's");
        for wrong in [stays.token.as_str(), "st_x.y", "x"] {
            let error = router.revoke_session_token(&id, Some(wrong)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Validation);
        }
        let shop = router.in_project(Project::new("shop").unwrap()).unwrap();
        assert_eq!(shop.revoke_session_token(&id, None).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert!(!format!("{stays:?}").contains("st_"), "{stays:?}");
    }
}
