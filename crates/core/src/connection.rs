//! Waiting for a connected account.

use std::time::Duration;

use composio_contract::{Backend, ConnectedAccount, Error, ErrorKind, RawJson, Result};
use serde_json::json;
use tokio::time::{Instant, sleep_until, timeout_at};

/// The first pause between two looks; it grows by half with each.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// A longer wait than a week is a mistake, and the clock could not count some.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long the look at the deadline may take.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// Looks until the account is active, and once more at the deadline. Dropping the future stops it.
pub(crate) async fn wait(backend: &dyn Backend, id: &str, timeout: Option<Duration>) -> Result<RawJson> {
    let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT).min(LONGEST_TIMEOUT);
    let deadline = Instant::now() + timeout;
    let mut pause = FIRST_PAUSE;
    let mut last_status = None;
    loop {
        let over = Instant::now() >= deadline;
        let Ok(reply) = timeout_at(deadline.max(Instant::now() + LAST_LOOK), backend.get_connected_account(id)).await
        else {
            break;
        };
        let (raw, account) = reply?.into_parts();
        match account.status.as_str() {
            "ACTIVE" => return Ok(raw),
            "FAILED" | "EXPIRED" | "INACTIVE" | "REVOKED" => return Err(ended(id, &account)),
            _ => last_status = Some(account.status),
        }
        if over {
            break;
        }
        sleep_until((Instant::now() + pause).min(deadline)).await;
        pause = pause.mul_f64(1.5).min(LONGEST_PAUSE);
    }
    let status = last_status.map(|status| format!(" and is {status}")).unwrap_or_default();
    Err(Error::new(
        ErrorKind::WaitTimeout,
        format!("connected account {id} was not active within {:.1} s{status}", timeout.as_secs_f64()),
    )
    .with_suggested_fix("has the user opened the redirect URL? Wait again with a longer timeout"))
}

/// The details leave out the account's credentials.
fn ended(id: &str, account: &ConnectedAccount) -> Error {
    let reason = account.status_reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let details = json!({ "id": account.id, "status": account.status, "status_reason": account.status_reason });
    Error::new(ErrorKind::ConnectedAccount, format!("connected account {id} is {}{reason}", account.status))
        .with_suggested_fix("authorize the toolkit again")
        .with_details(details.into())
}
