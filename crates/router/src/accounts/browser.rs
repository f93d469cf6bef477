//! The browser in which a user agreed to connect an account: only there the connection is finished.

use composio_contract::{Error, ErrorKind};
use hyper::HeaderMap;
use hyper::header::{COOKIE, HOST, ORIGIN};
use secrecy::ExposeSecret as _;

use super::link::{LIFETIME, hash};
use super::sealed::PendingOAuth;
use crate::store::LinkRow;

/// Bytes of a link's hash in the name of its cookie, so that links that are open at once do not meet.
const NAMED: usize = 8;

/// The browser finishes what was begun in another one.
pub(super) fn another() -> Error {
    let message = "This connection was begun in another browser, or its cookies are blocked here, so it was not finished. \
                   Nothing was connected. If you asked for it yourself, open the link again in this browser and agree \
                   there. If somebody sent you here, close this page";
    Error::new(ErrorKind::Validation, message).with_status(403)
}

/// A form that another site's page sent.
pub(super) fn foreign_form() -> Error {
    let message = "the form did not come from this page; open the link again, and use the button there";
    Error::new(ErrorKind::Validation, message).with_status(403)
}

fn is_secure(oauth: &PendingOAuth) -> bool {
    oauth.redirect.starts_with("https:")
}

fn name(link: &LinkRow, oauth: &PendingOAuth) -> String {
    let short: String = link.hash.iter().take(NAMED).map(|byte| format!("{byte:02x}")).collect();
    let prefix = if is_secure(oauth) { "__Host-" } else { "" };
    format!("{prefix}composio-connect-{short}")
}

/// What has a browser keep, or forget, that its user agreed. The value is the link's, so a second click changes nothing.
pub(super) fn cookie(link: &LinkRow, oauth: &PendingOAuth) -> Option<String> {
    let value = oauth.browser.as_ref()?.expose_secret();
    let secure = if is_secure(oauth) { "; Secure" } else { "" };
    let (name, age) = (name(link, oauth), LIFETIME.as_secs());
    Some(format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"))
}

/// Whether a request comes from the browser in which a link's user agreed. Links that are bound to none serve in any.
pub(super) fn is_that_of(headers: &HeaderMap, link: &LinkRow, oauth: &PendingOAuth) -> bool {
    let Some(value) = &oauth.browser else { return true };
    // Of hashes, so that the time it takes says nothing of the value.
    let (wanted, name) = (hash(value.expose_secret()), name(link, oauth));
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    cookies.any(|(known, value)| known == name && hash(value) == wanted)
}

/// Whether a form was sent by the page that shows it, as far as the browser says: a page elsewhere that sends one by
/// itself would agree in the user's stead.
pub(super) fn is_own_form(headers: &HeaderMap, base: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    // An older browser, or one without https. A proxy in front may end https, so the scheme is not compared; or it may have
    // another name for this router than users have.
    let Some(origin) = text(ORIGIN.as_str()) else { return true };
    let Some((_, host)) = origin.split_once("://") else { return false };
    text(HOST.as_str()) == Some(host) || base == Some(origin)
}
