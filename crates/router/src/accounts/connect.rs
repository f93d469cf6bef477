//! The pages that a user sees in a browser, behind whatever serves them.

use composio_contract::{Error, ErrorKind, Result};
use hyper::HeaderMap;
use url::Url;

use super::complete::By;
use super::import::is_credential;
use super::page::{self, Field, Whose};
use super::provider::CLIENT_DOCUMENT;
use super::sealed::{Pending, PendingDevice, PendingOAuth, Stored, open_link};
use super::{AuthScheme, browser, complete};
use crate::router::Router;
use crate::store::{AccountRow, AccountStatus, LinkRow};

/// What the paths of these pages begin with.
pub(crate) const PATH: &str = "/connect/";

/// An account that its user has dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The account.
    pub account_id: String,
    /// Its toolkit.
    pub toolkit: String,
    /// Whose it is.
    pub user_id: String,
    /// Active, or failed.
    pub status: AccountStatus,
    /// Why it failed.
    pub reason: Option<String>,
}

impl Connected {
    pub(super) fn of(row: &AccountRow) -> Self {
        Self {
            account_id: row.id.clone(),
            toolkit: row.toolkit.clone(),
            user_id: row.user_id.clone(),
            status: row.status,
            reason: row.status_reason.clone(),
        }
    }
}

/// What a browser is answered with.
#[derive(Clone, Debug)]
pub struct ConnectReply {
    /// The HTTP status.
    pub status: u16,
    /// Where the browser goes, for a redirect.
    pub location: Option<String>,
    /// The page; for a provider, the document about this program.
    pub body: String,
    content_type: &'static str,
    cookie: Option<String>,
}

impl ConnectReply {
    /// The headers that go with it, the length excepted.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, &str)> {
        let mut headers = vec![
            ("content-type", self.content_type),
            ("cache-control", "no-store"),
            ("content-security-policy", page::CONTENT_POLICY),
            // Not `no-referrer`: a browser would then send the form without saying which origin it comes from.
            ("referrer-policy", "same-origin"),
            ("x-content-type-options", "nosniff"),
        ];
        headers.extend(self.location.as_deref().map(|location| ("location", location)));
        headers.extend(self.cookie.as_deref().map(|cookie| ("set-cookie", cookie)));
        headers
    }

    fn page(status: u16, html: String) -> Self {
        Self { status, location: None, body: html, content_type: "text/html; charset=utf-8", cookie: None }
    }

    fn failure(error: &Error) -> Self {
        let status = match error.kind() {
            ErrorKind::NotFound => 404,
            ErrorKind::Validation => error.status().unwrap_or(400),
            _ => 500,
        };
        // What is wrong inside is for the log, not for whoever has the link.
        let message = if status == 500 { "Something went wrong here. Ask for a new link." } else { error.message() };
        if status == 500 {
            tracing::error!(%error, "an account could not be connected");
        }
        Self::page(status, page::notice("Not connected", message))
    }
}

fn whose(link: &LinkRow) -> Whose<'_> {
    let project = Some(&link.project).filter(|project| !project.is_default());
    Whose { user_id: &link.user_id, project: project.map(crate::project::Project::as_str) }
}

impl Router {
    /// Answers a browser at `/connect/{rest}`: the page that asks for a credential, what is typed there, and the
    /// provider's callback. The request's headers say in which browser.
    pub async fn connect(
        &self,
        is_post: bool,
        rest: &str,
        query: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> ConnectReply {
        let answer = async {
            self.ensure_open()?;
            match (is_post, rest) {
                (false, "callback") => {
                    let (done, next) = self.finish_oauth(query, By::Browser(headers)).await?;
                    Ok(Self::done(&done, next))
                }
                (false, "done") => Ok(ConnectReply::page(
                    200,
                    page::notice("Connected", "The account is connected. You can close this page."),
                )),
                (false, CLIENT_DOCUMENT) => {
                    let document = self.describe_client().ok_or_else(complete::void_link)?;
                    let content_type = "application/json";
                    Ok(ConnectReply { content_type, ..ConnectReply::page(200, document.to_string()) })
                }
                (false, token) => {
                    let (link, row) = self.open_page(token).await?;
                    match self.pending(&link).await? {
                        Pending { device: Some(device), .. } => self.code_page(&link, &row, &device),
                        Pending { oauth: Some(oauth), .. } => self.consent_page(&link, &row, &oauth),
                        _ => self.form(&link, &row, None),
                    }
                }
                (true, _) if !browser::is_own_form(headers, self.base.as_deref()) => Err(browser::foreign_form()),
                (true, token) => {
                    let (link, row) = self.open_page(token).await?;
                    match self.pending(&link).await?.oauth {
                        Some(oauth) => Self::agreed(&link, &oauth),
                        None => self.typed(&link, &row, body).await,
                    }
                }
            }
        };
        answer.await.unwrap_or_else(|error| ConnectReply::failure(&error))
    }

    fn fields(&self, row: &AccountRow) -> Result<&'static [Field]> {
        let config = self.accounts.config(&row.toolkit).ok_or_else(complete::void_link)?;
        match config.scheme {
            AuthScheme::ApiKey { .. } => Ok(page::KEY),
            AuthScheme::Bearer => Ok(page::TOKEN),
            AuthScheme::Basic => Ok(page::PASSWORD),
            AuthScheme::OAuth2(_) => Err(complete::void_link()),
        }
    }

    fn form(&self, link: &LinkRow, row: &AccountRow, problem: Option<&str>) -> Result<ConnectReply> {
        let fields = self.fields(row)?;
        let toolkit = self.catalog.toolkit(&row.toolkit)?;
        let html = page::form(&toolkit.name, &toolkit.description, &whose(link), fields, problem);
        Ok(ConnectReply::page(if problem.is_some() { 400 } else { 200 }, html))
    }

    /// Before a provider that is asked on any device.
    fn code_page(&self, link: &LinkRow, row: &AccountRow, device: &PendingDevice) -> Result<ConnectReply> {
        let toolkit = self.catalog.toolkit(&row.toolkit)?;
        let html = page::code(
            &toolkit.name,
            &whose(link),
            &device.user_code,
            device.verification.as_str(),
            device.verification_complete.as_ref().map(Url::as_str),
        );
        Ok(ConnectReply::page(200, html))
    }

    async fn pending(&self, link: &LinkRow) -> Result<Pending> {
        open_link(self.accounts.vault(self.account_store()?).await?, link)
    }

    /// Before a provider that knows nothing of this router's users.
    fn consent_page(&self, link: &LinkRow, row: &AccountRow, oauth: &PendingOAuth) -> Result<ConnectReply> {
        oauth.authorization.as_ref().ok_or_else(complete::void_link)?;
        let toolkit = self.catalog.toolkit(&row.toolkit)?;
        let host = oauth.app.provider.authorization.as_ref().and_then(Url::host_str).unwrap_or_default();
        let html = page::consent(&toolkit.name, &toolkit.description, &whose(link), host);
        Ok(ConnectReply::page(200, html))
    }

    /// On to the provider, in the browser that is to come back.
    fn agreed(link: &LinkRow, oauth: &PendingOAuth) -> Result<ConnectReply> {
        let location = Some(oauth.authorization.clone().ok_or_else(complete::void_link)?);
        let html = page::notice("Connect", "You are sent on to the provider.");
        Ok(ConnectReply { location, cookie: browser::cookie(link, oauth), ..ConnectReply::page(303, html) })
    }

    async fn typed(&self, link: &LinkRow, row: &AccountRow, body: &[u8]) -> Result<ConnectReply> {
        let fields = self.fields(row)?;
        let typed = |wanted: &str| {
            let found = form_urlencoded::parse(body).find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let values: Option<Vec<String>> = fields.iter().map(|field| typed(field.name)).collect();
        let stored = match values.filter(|values| values.iter().all(|value| is_credential(value))).as_deref() {
            Some([key]) => Stored::Key { key: key.as_str().into() },
            Some([username, password]) => {
                Stored::Basic { username: username.clone(), password: password.as_str().into() }
            }
            _ => return self.form(link, row, Some("Please fill in every field, in one line each.")),
        };
        let (done, next) = self.finish_form(link, &stored).await?;
        Ok(Self::done(&done, next))
    }

    /// The end: back to where the caller wants the browser, else a page that says how it went.
    fn done(connected: &Connected, next: Option<String>) -> ConnectReply {
        let is_active = connected.status == AccountStatus::Active;
        if let Some(mut next) = next.and_then(|next| Url::parse(&next).ok()) {
            next.query_pairs_mut()
                .append_pair("status", if is_active { "success" } else { "failed" })
                .append_pair("connected_account_id", &connected.account_id);
            let html = page::notice("Done", "You are sent back to the program that asked.");
            return ConnectReply { location: Some(next.into()), ..ConnectReply::page(303, html) };
        }
        if is_active {
            let message = format!("{} is connected. You can close this page.", connected.toolkit);
            return ConnectReply::page(200, page::notice("Connected", &message));
        }
        let reason = connected.reason.as_deref().unwrap_or("it is not known why");
        let message = format!("{} was not connected: {reason}. Ask for a new link to try again.", connected.toolkit);
        ConnectReply::page(200, page::notice("Not connected", &message))
    }
}
