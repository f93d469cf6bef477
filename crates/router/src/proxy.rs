//! Raw calls to the API behind a toolkit.

use composio_contract::{Error, MountPath, ProxyExecuteRequest, ProxyReply, Result, ResultType};
use serde_json::{Map, Value, json};

use crate::execute::Record;
use crate::fingerprint;
use crate::mount;
use crate::router::Router;
use crate::sessions::LiveSession;
use crate::source::{CallContext, ProxyBody};
use crate::store::RunStatus;

/// What the log calls a raw call.
const SLUG: &str = "COMPOSIO_PROXY_EXECUTE";

impl Router {
    /// Sends a raw request for a caller. Whatever the API answers is a result.
    ///
    /// # Errors
    /// Where the session's settings refuse it, the toolkit has no API, the endpoint lies on another host, or the API
    /// cannot be reached.
    pub(crate) async fn proxy(&self, session: &LiveSession, request: &ProxyExecuteRequest) -> Result<ProxyReply> {
        let source = self.catalog.source(&request.toolkit_slug)?;
        let toolkit = &source.toolkit().slug;
        let arguments = Map::from_iter([
            ("toolkit_slug".to_owned(), json!(toolkit)),
            ("method".to_owned(), json!(request.method)),
            ("endpoint".to_owned(), json!(request.endpoint)),
            ("body".to_owned(), request.body.as_ref().map_or(Value::Null, |body| json!(body.as_str()))),
        ]);
        let record = Record::new(self.store.as_ref(), session, SLUG, fingerprint::of(&arguments));
        if let Err(denial) = session.policy.proxy(toolkit) {
            record.end(RunStatus::Refused, Some(denial.to_string()));
            return Err(denial.error(SLUG));
        }
        let context = CallContext {
            user_id: session.user_id.clone(),
            session_id: session.id.clone(),
            workspace: self.workspaces.of(&session.project, &session.user_id)?,
            time_limit: self.limits.call_timeout,
            output_limit: self.limits.output,
            listener: None,
            credential: None,
        };
        let done = match tokio::time::timeout(context.time_limit, source.proxy(request, &context)).await {
            Ok(done) => done,
            Err(_) => {
                let seconds = context.time_limit.as_secs_f64();
                let message = format!("the API did not answer within {seconds} s");
                Err(Error::new(composio_contract::ErrorKind::Timeout, message))
            }
        };
        let answer = match done {
            Ok(answer) => answer,
            Err(error) => {
                record.end(RunStatus::Failed, Some(error.to_string()));
                return Err(error);
            }
        };
        record.end(RunStatus::Completed, None);
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
}
