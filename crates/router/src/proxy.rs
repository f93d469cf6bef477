//! Raw calls to the API behind a toolkit.

use std::sync::Arc;

use composio_contract::{Error, MountPath, ProxyExecuteRequest, ProxyReply, Result, ResultType};
use serde_json::{Map, Value, json};

use crate::accounts::{Credential, is_renewable};
use crate::fingerprint;
use crate::mount;
use crate::openapi;
use crate::record::Record;
use crate::router::Router;
use crate::sessions::LiveSession;
use crate::source::{CallContext, ProxyBody, ProxyResult, Source, Tag};
use crate::store::{AccountRow, RunStatus};

/// What the log calls a raw call.
const SLUG: &str = "COMPOSIO_PROXY_EXECUTE";

impl Router {
    /// Sends a raw request for a caller. Whatever the API answers is a result.
    ///
    /// # Errors
    /// Where the session's settings refuse it, the toolkit has no API, the endpoint lies on another host, the user has no
    /// connected account and needs one, or the API cannot be reached.
    pub(crate) async fn proxy(&self, session: &LiveSession, request: &ProxyExecuteRequest) -> Result<ProxyReply> {
        let source = self.catalog.source(&request.toolkit_slug)?;
        let toolkit = &source.toolkit().slug;
        let arguments = Map::from_iter([
            ("toolkit_slug".to_owned(), json!(toolkit)),
            ("method".to_owned(), json!(request.method)),
            ("endpoint".to_owned(), json!(request.endpoint)),
            ("body".to_owned(), request.body.as_ref().map_or(Value::Null, |body| json!(body.as_str()))),
            ("parameters".to_owned(), json!(request.parameters)),
        ]);
        let mut record = Record::new(self.store.as_ref(), session, SLUG, fingerprint::of(&arguments));
        if let Err(denial) = session.policy.proxy(toolkit) {
            record.end(RunStatus::Refused, Some(denial.to_string()));
            return Err(denial.error(SLUG));
        }
        if !openapi::tags(&request.method).contains(&Tag::ReadOnly) {
            record.begin().await?;
        }
        let done = self.unasked_call(session, source, request).await;
        match &done {
            Ok(_) => record.end(RunStatus::Completed, None),
            Err(error) => record.fail(error),
        };
        done
    }

    async fn unasked_call(
        &self,
        session: &LiveSession,
        source: &Arc<dyn Source>,
        request: &ProxyExecuteRequest,
    ) -> Result<ProxyReply> {
        let account = self.raw_signer(session, source, request, None).await?;
        self.raw_call(session, source, request, account).await
    }

    /// Checks where a raw request would go, and gives the account that signs it; none where it is not signed.
    pub(crate) async fn raw_signer(
        &self,
        session: &LiveSession,
        source: &Arc<dyn Source>,
        request: &ProxyExecuteRequest,
        account: Option<&str>,
    ) -> Result<Option<AccountRow>> {
        let toolkit = &source.toolkit().slug;
        self.catalog.check_ground(toolkit).await?;
        source.check_proxy(request).await?;
        match account {
            _ if source.auth().is_some() => self.account_for(session, toolkit, account).await.map(Some),
            None => Ok(None),
            Some(account) => Err(Error::validation(format!(
                "the account `{account}` cannot be used: calls of `{toolkit}` need no connected account; leave `account` out"
            ))),
        }
    }

    /// Sends a raw request that may be sent, signed by this account, within the limits of a call.
    pub(crate) async fn raw_call(
        &self,
        session: &LiveSession,
        source: &Arc<dyn Source>,
        request: &ProxyExecuteRequest,
        account: Option<AccountRow>,
    ) -> Result<ProxyReply> {
        let context = CallContext {
            user_id: session.user_id.clone(),
            session_id: session.id.clone(),
            workspace: self.workspaces.of(&session.project, &session.user_id)?,
            time_limit: self.limits.call_timeout,
            output_limit: self.limits.output,
            listener: None,
            credential: None,
        };
        let running = self.proxy_signed(source, request, &context, account);
        let answer = tokio::time::timeout(context.time_limit, running).await.unwrap_or_else(|_| {
            let seconds = context.time_limit.as_secs_f64();
            let message = format!("the API did not answer within {seconds} s");
            Err(Error::new(composio_contract::ErrorKind::Timeout, message))
        })?;
        let (data, binary_data) = match answer.body {
            ProxyBody::None => (None, None),
            ProxyBody::Json(data) => (Some(data), None),
            ProxyBody::File(file) => {
                let place = MountPath { mount_relative_path: file.path.clone(), ..MountPath::default() };
                let link = self.mount_download(session, mount::MOUNT, &place).await?;
                let binary = json!({
                    "content_type": file.media_type,
                    "size": file.size,
                    "url": link.download_url,
                    "expires_at": link.expires_at,
                    "path": file.path,
                });
                (None, Some(binary))
            }
        };
        Ok(ProxyReply {
            result_type: Some(ResultType::Completed),
            status: answer.status.into(),
            data,
            headers: Some(json!(answer.headers)),
            binary_data,
            input_requests: None,
            request_state: None,
        })
    }

    /// Sends a raw request with what signs the toolkit's calls, where there is that. A credential that the API refuses is
    /// renewed once, where it can be, and the request sent again: a refused one has done nothing.
    async fn proxy_signed(
        &self,
        source: &Arc<dyn Source>,
        request: &ProxyExecuteRequest,
        context: &CallContext,
        account: Option<AccountRow>,
    ) -> Result<ProxyResult> {
        let Some(account) = account else { return source.proxy(request, context).await };
        let (account, credential) = self.credential(account).await?;
        let answer = proxy_with(source, request, context, credential).await?;
        if answer.status != 401 || !is_renewable(&account) {
            return Ok(answer);
        }
        let (_, credential) = self.credential_after_refusal(&account).await?;
        proxy_with(source, request, context, credential).await
    }
}

/// Sends a raw request with a credential, and masks what comes back of it.
async fn proxy_with(
    source: &Arc<dyn Source>,
    request: &ProxyExecuteRequest,
    context: &CallContext,
    credential: Credential,
) -> Result<ProxyResult> {
    let credential = Arc::new(credential);
    let context = CallContext { credential: Some(Arc::clone(&credential)), ..context.clone() };
    match source.proxy(request, &context).await {
        Ok(answer) => Ok(credential.mask_answer(answer)),
        Err(error) => Err(credential.echoes().mask_error(error)),
    }
}
