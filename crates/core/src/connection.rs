//! Waiting for a connected account.

use std::time::Duration;

use composio_contract::{Backend, Error, ErrorKind, RawJson, Result};
use tokio::time::{Instant, sleep, timeout_at};

/// The first pause between two looks; it grows by half with each.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// Looks until the account is active. Dropping the future stops it.
pub(crate) async fn wait(backend: &dyn Backend, id: &str, timeout: Option<Duration>) -> Result<RawJson> {
    let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT);
    let deadline = Instant::now() + timeout;
    let mut pause = FIRST_PAUSE;
    let mut last_status = None;
    loop {
        let Ok(reply) = timeout_at(deadline, backend.get_connected_account(id)).await else { break };
        let (raw, account) = reply?.into_parts();
        match account.status.as_str() {
            "ACTIVE" => return Ok(raw),
            "FAILED" | "EXPIRED" | "INACTIVE" | "REVOKED" => {
                let reason = account.status_reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                let error = format!("connected account {id} is {}{reason}", account.status);
                return Err(Error::new(ErrorKind::ConnectedAccount, error)
                    .with_suggested_fix("authorize the toolkit again")
                    .with_details(raw));
            }
            _ => last_status = Some(account.status),
        }
        if Instant::now() + pause >= deadline {
            break;
        }
        sleep(pause).await;
        pause = pause.mul_f64(1.5).min(LONGEST_PAUSE);
    }
    let status = last_status.map(|status| format!(" and is {status}")).unwrap_or_default();
    Err(Error::new(
        ErrorKind::WaitTimeout,
        format!("connected account {id} was not active within {:.1} s{status}", timeout.as_secs_f64()),
    )
    .with_suggested_fix("has the user opened the redirect URL? Wait again with a longer timeout"))
}
