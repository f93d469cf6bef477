//! Running one tool: look-up, policy, arguments, approval, limits, log.

use composio_contract::{
    Error, ErrorKind, ExecuteMetaRequest, ExecuteReply, ExecuteRequest, RawJson, Result, ResultType,
};
use composio_egress::TRACE_TARGET;
use serde_json::{Map, Value};
use std::sync::Arc;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::accounts::Credential;
use crate::approval::{Answers, Approvals, Asking};
use crate::catalog::CatalogTool;
use crate::fingerprint::Fingerprint;
use crate::policy::Ask;
use crate::question::{AskedAccount, Question};
use crate::record::{Record, Said};
use crate::router::Router;
use crate::sessions::LiveSession;
use crate::source::{CallContext, Listener, Outcome, Signing, Tag};
use crate::store::{AccountRow, RunStatus};
use crate::{arguments, custom, fingerprint, meta};

/// A call that the session's settings allow.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) tool: Arc<CatalogTool>,
    pub(crate) arguments: Map<String, Value>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) ask: Ask,
    /// Which of the user's accounts signs it, if it is signed.
    pub(crate) account: Option<AccountRow>,
    /// Why it cannot run, for the caller and for the log; such a call fails without being run, and the user is not asked about it.
    pub(crate) problem: Option<(String, Said)>,
}

/// How a call ended, and its entry in the log.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) log_id: String,
}

impl Ended {
    pub(crate) fn into_reply(self) -> ExecuteReply {
        let (result_type, data, error) = match self.outcome {
            Outcome::Completed(data) => (ResultType::Completed, data, None),
            Outcome::Failed { error, data } => {
                (ResultType::Failed, data.unwrap_or_else(RawJson::empty_object), Some(error))
            }
        };
        ExecuteReply {
            result_type: Some(result_type),
            data: Some(data),
            error,
            log_id: Some(self.log_id),
            input_requests: None,
            request_state: None,
        }
    }
}

impl Router {
    /// Runs a tool or a meta tool, as `Backend::execute` does, for a caller who hears of it while it runs.
    ///
    /// # Errors
    /// Where there is no such tool, the session's settings refuse it, or it cannot be reached. What goes wrong in the
    /// tool, wrong arguments included, is a failed result.
    pub async fn execute_heard(
        &self,
        session_id: &str,
        request: &ExecuteRequest,
        listener: Option<Arc<dyn Listener>>,
    ) -> Result<ExecuteReply> {
        let session = self.called(session_id).await?;
        if !meta::is_meta(&request.tool_slug) {
            return self.execute_tool(&session, request, listener).await;
        }
        // A model calls meta tools like any other tool, so that they come this way too.
        let request = request.clone();
        let request = ExecuteMetaRequest {
            slug: request.tool_slug,
            arguments: request.arguments,
            input_responses: request.input_responses,
            request_state: request.request_state,
            experimental: request.experimental,
        };
        self.execute_meta_tool(&session, &request).await
    }

    /// Runs one tool for a caller.
    ///
    /// # Errors
    /// Where there is no such tool, the session's settings refuse it, or it cannot be reached. What goes wrong in the
    /// tool, wrong arguments included, is a failed result.
    pub(crate) async fn execute_tool(
        &self,
        session: &LiveSession,
        request: &ExecuteRequest,
        listener: Option<Arc<dyn Listener>>,
    ) -> Result<ExecuteReply> {
        let arguments = match &request.arguments {
            Some(raw) => raw.decode("arguments")?,
            None => Map::new(),
        };
        let call = self.prepare(session, &request.tool_slug, arguments, request.account.as_deref()).await?;
        let question = self.question(&call, "approval".to_owned()).await?;
        let asking = Asking { slug: call.tool.slug(), arguments: call.fingerprint.hash };
        let answers = Answers { responses: request.input_responses.as_ref(), state: request.request_state.as_deref() };
        match self.approvals(session, asking, vec![question], answers).await? {
            Approvals::Pending(reply) => Ok(*reply),
            Approvals::Settled(mut declined) => match declined.remove("approval") {
                Some(reason) => Ok(self.refuse(session, &call, reason).into_reply()),
                None => Ok(self.run(session, call, listener).await?.into_reply()),
            },
        }
    }

    /// Finds the tool, asks the session's settings, and checks the arguments.
    pub(crate) async fn prepare(
        &self,
        session: &LiveSession,
        slug: &str,
        arguments: Map<String, Value>,
        account: Option<&str>,
    ) -> Result<Call> {
        if composio_contract::is_custom_slug(slug) || custom::has(&session.custom, slug) {
            return Err(custom::runs_elsewhere(slug));
        }
        if meta::is_meta(slug) {
            let message = format!("`{slug}` is a meta tool; it is run by itself, with a call for meta tools");
            return Err(Error::validation(message));
        }
        self.list_for_tool(session, slug).await?;
        let tool = match self.catalog.tool(slug).await {
            Ok(tool) => tool,
            Err(error) => return Err(self.missing_tool(session, slug, error).await),
        };
        if let Some(account) = account.filter(|_| tool.source.signing(&tool.definition) == Signing::Never) {
            return Err(Error::validation(format!(
                "the account `{account}` cannot be used: the calls of {} need no connected account; leave `account` out",
                tool.slug()
            )));
        }
        let mut call = Call {
            fingerprint: fingerprint::of(&arguments),
            ask: Ask::Never,
            account: None,
            problem: None,
            arguments,
            tool,
        };
        call.ask = match session.policy.decide(&call.tool.subject()) {
            Ok(ask) => ask,
            Err(denial) => {
                self.refuse(session, &call, denial.to_string());
                return Err(self.missing_tool(session, slug, denial.error(call.tool.slug())).await);
            }
        };
        call.check().await?;
        if call.problem.is_none() {
            match self.signer(session, &call.tool, account).await {
                Ok(signer) => call.account = signer,
                Err(error) => call.problem = Some((error.to_string(), Said::error(&error))),
            }
        }
        if let Some(account) = &call.account
            && let Err(denial) = session.policy.check_listed(&call.tool.subject(), Some(&account.id))
        {
            self.refuse(session, &call, denial.to_string());
            return Err(denial.error(call.tool.slug()));
        }
        Ok(call)
    }

    /// The account that signs a tool's calls; none where they are not signed.
    async fn signer(
        &self,
        session: &LiveSession,
        tool: &CatalogTool,
        account: Option<&str>,
    ) -> Result<Option<AccountRow>> {
        let toolkit = &tool.toolkit().slug;
        let is_signed = match tool.source.signing(&tool.definition) {
            Signing::Never => false,
            Signing::Optional => account.is_some() || self.has_account(session, toolkit).await?,
            Signing::Always => true,
        };
        if is_signed { self.account_for(session, toolkit, account).await.map(Some) } else { Ok(None) }
    }

    /// The question whether a call may run; one that cannot run is not worth one.
    pub(crate) async fn question<'a>(&self, call: &'a Call, key: String) -> Result<Question<'a>> {
        let ask = if call.problem.is_some() { Ask::Never } else { call.ask };
        let tool = &call.tool;
        let (account, identity) = if ask == Ask::Never {
            (None, [0; 32])
        } else {
            let account = self.asked_account(call.account.as_ref()).await?;
            let what: [&[u8]; 3] = [tool.toolkit().slug.as_bytes(), tool.definition.operation.as_bytes(), tool.hash()];
            let identity = fingerprint::over(what.into_iter().chain(account.iter().flat_map(AskedAccount::identity)));
            (account, identity)
        };
        Ok(Question {
            key,
            slug: tool.slug(),
            toolkit: &tool.toolkit().slug,
            title: &tool.definition.title,
            account,
            arguments: &call.arguments,
            ask,
            identity,
        })
    }

    /// An account as a question shows it.
    pub(crate) async fn asked_account(&self, account: Option<&AccountRow>) -> Result<Option<AskedAccount>> {
        let Some(row) = account else { return Ok(None) };
        let owner = self.owner_of(row).await?;
        let owner = owner.and_then(|owner| owner.email.or(owner.username).or(owner.name).or(owner.id));
        Ok(Some(AskedAccount { id: row.id.clone(), alias: row.alias.clone(), owner }))
    }

    /// Records that a call was not allowed to run.
    pub(crate) fn refuse(&self, session: &LiveSession, call: &Call, reason: String) -> Ended {
        let record = Record::new(self.store.as_ref(), session, call.tool.slug(), call.fingerprint);
        let log_id = record.end(RunStatus::Refused, Some(reason.clone()));
        Ended { outcome: Outcome::failed(reason), log_id }
    }

    /// Runs a call that may run, within its limits.
    ///
    /// # Errors
    /// Where it may change something and the log cannot say before that it begins; it is not run then.
    pub(crate) async fn run(
        &self,
        session: &LiveSession,
        mut call: Call,
        listener: Option<Arc<dyn Listener>>,
    ) -> Result<Ended> {
        let mut record = Record::new(self.store.as_ref(), session, call.tool.slug(), call.fingerprint);
        let span = tracing::info_span!(
            target: TRACE_TARGET,
            "tool",
            otel.name = %format_args!("execute_tool {}", call.tool.slug()),
            otel.status_code = Empty,
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = call.tool.slug(),
            composio.toolkit = call.tool.toolkit().slug,
        );
        let (outcome, said) = match call.problem.take() {
            Some((problem, said)) => (Outcome::failed(problem), said),
            None => {
                if call.may_change_something() {
                    record.begin().await?;
                }
                let running = self.run_within_limits(session, &call.tool, call.arguments, listener, call.account);
                running.instrument(span.clone()).await
            }
        };
        if matches!(outcome, Outcome::Failed { .. }) {
            // Not why: a tool's message may quote arguments.
            span.record("otel.status_code", "ERROR");
        }
        Ok(record.conclude(outcome, said))
    }

    async fn run_within_limits(
        &self,
        session: &LiveSession,
        tool: &CatalogTool,
        arguments: Map<String, Value>,
        listener: Option<Arc<dyn Listener>>,
        account: Option<AccountRow>,
    ) -> (Outcome, Said) {
        let failed = |error: &Error| (Outcome::failed(error.to_string()), Said::error(error));
        let workspace = match self.workspaces.of(&session.project, &session.user_id) {
            Ok(workspace) => workspace,
            Err(error) => return failed(&error),
        };
        let context = CallContext {
            user_id: session.user_id.clone(),
            session_id: session.id.clone(),
            workspace,
            time_limit: self.limits.call_timeout,
            output_limit: self.limits.output,
            listener,
            credential: None,
        };
        let running = self.run_signed(session, tool, arguments, &context, account);
        let ours = |error: String| (Outcome::failed(error.clone()), Said::Ours(error));
        let outcome = match tokio::time::timeout(context.time_limit, running).await {
            Err(_) => {
                return ours(format!(
                    "{} did not finish within {} s and was stopped; ask for less, or raise `router.call_timeout`",
                    tool.slug(),
                    context.time_limit.as_secs_f64()
                ));
            }
            Ok(Err(error)) => return failed(&error),
            Ok(Ok(outcome)) => outcome,
        };
        match &outcome {
            Outcome::Completed(data) | Outcome::Failed { data: Some(data), .. }
                if data.as_str().len() > context.output_limit =>
            {
                ours(format!(
                    "{} returned {} bytes and at most {} are passed on; ask for less, such as a page or a part",
                    tool.slug(),
                    data.as_str().len(),
                    context.output_limit
                ))
            }
            _ => (outcome, Said::Theirs),
        }
    }
}

impl Router {
    /// Runs a tool with what signs its calls, where it needs that. A credential that the API refuses is renewed once, and the
    /// call made again: a refused call has done nothing.
    async fn run_signed(
        &self,
        session: &LiveSession,
        tool: &CatalogTool,
        arguments: Map<String, Value>,
        context: &CallContext,
        account: Option<AccountRow>,
    ) -> Result<Outcome> {
        let Some(account) = account else {
            return tool.source.call(&tool.definition, arguments, context).await;
        };
        let (account, credential) = self.credential(account).await?;
        let done = match run_with(tool, arguments.clone(), context, credential).await {
            Err(error) if error.kind() == ErrorKind::Authentication => {
                let (_, credential) = self.credential_after_refusal(&account).await?;
                run_with(tool, arguments, context, credential).await
            }
            other => other,
        };
        match done {
            Err(error) => Err(self.note_lacking(session, &account, error).await),
            done => done,
        }
    }
}

/// Runs a tool with a credential, and masks what it repeats of it.
async fn run_with(
    tool: &CatalogTool,
    arguments: Map<String, Value>,
    context: &CallContext,
    credential: Credential,
) -> Result<Outcome> {
    let credential = Arc::new(credential);
    let context = CallContext { credential: Some(Arc::clone(&credential)), ..context.clone() };
    match tool.source.call(&tool.definition, arguments, &context).await {
        Ok(outcome) => Ok(credential.mask_outcome(outcome)),
        Err(error) => Err(credential.echoes().mask_error(error)),
    }
}

impl Call {
    /// Whether the log says that it begins before it does. A source that is not trusted with its own hints does not decide it.
    pub(crate) fn may_change_something(&self) -> bool {
        let definition = &self.tool.definition;
        let is_read_only = definition.tags.contains(&Tag::ReadOnly) && !definition.cautions.contains(&Tag::Destructive);
        self.problem.is_none() && !is_read_only
    }

    async fn check(&mut self) -> Result<()> {
        // The validator takes a whole value; the map is lent to it, not copied.
        let value = Value::Object(std::mem::take(&mut self.arguments));
        let (value, wrong) = arguments::check(&self.tool, value).await?;
        self.problem = wrong.map(|wrong| {
            let slug = self.tool.slug();
            (format!("the arguments of {slug} are wrong, and it was not run:\n{wrong}"), wrong.said())
        });
        if let Value::Object(arguments) = value {
            self.arguments = arguments;
        }
        Ok(())
    }
}
