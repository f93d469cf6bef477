//! Running tools: what the caller's own code must do, what the backend does meanwhile, and how both are joined.
//!
//! Core never calls user code. A [`Run`] says which custom tools to run; the language layer runs them in its own way
//! while [`Run::remote`] is under way, and [`Run::finish`] takes their outcomes.

use std::sync::Arc;

use composio_contract::{Error, ErrorKind, ExecuteRequest, RawJson, Result};
use futures_util::future::join_all;
use serde_json::Value;

use crate::auto_files::{CallFiles, PendingUpload, UploadAnswer};
use crate::multi::{MULTI_EXECUTE, Multi};
use crate::outcome::Outcome;
use crate::session::Inner;

/// One tool to run.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// The tool.
    pub slug: String,
    /// Its arguments, an object; none is `{}`.
    pub arguments: Option<RawJson>,
    /// The connected account to use.
    pub account: Option<String>,
    /// The user's answers to an earlier `input_required`.
    pub input_responses: Option<RawJson>,
    /// The state that came with it.
    pub request_state: Option<String>,
    /// Why a model's call cannot run; it becomes the call's failure.
    pub problem: Option<String>,
}

impl Call {
    pub(crate) fn check(&self) -> Result<()> {
        if self.slug.trim().is_empty() {
            return Err(Error::validation("tool_slug: must not be empty"));
        }
        if self.arguments.as_ref().is_some_and(|arguments| !arguments.is_object()) {
            return Err(Error::validation(format!("{}: the arguments must be an object", self.slug)));
        }
        Ok(())
    }

    pub(crate) fn request(self, experimental: Option<RawJson>) -> ExecuteRequest {
        ExecuteRequest {
            tool_slug: self.slug,
            arguments: self.arguments,
            account: self.account,
            input_responses: self.input_responses,
            request_state: self.request_state,
            experimental,
        }
    }
}

/// What a run means for a multi execute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunMode {
    /// The caller names tools: a multi execute is one more tool of the backend.
    Execute,
    /// A model called a tool: the custom tools within a multi execute run here.
    ToolCall,
}

/// A custom tool for the language layer to run.
#[derive(Clone, Debug)]
pub struct LocalCall {
    /// Names the call within its run.
    pub id: usize,
    /// The tool's final slug.
    pub slug: String,
    /// The arguments, an object.
    pub arguments: RawJson,
}

/// How a [`LocalCall`] ended.
#[derive(Clone, Debug)]
pub struct LocalOutcome {
    /// The call.
    pub id: usize,
    /// What the tool returned, any JSON.
    pub data: Option<RawJson>,
    /// Why it failed; takes precedence over `data`.
    pub error: Option<String>,
}

/// A step of a run: where its result comes from.
#[derive(Debug)]
pub(crate) enum Step {
    /// From the language layer.
    Local(usize),
    /// It is there already: the arguments were refused.
    Settled(Outcome),
    /// From the backend.
    Remote(usize),
}

#[derive(Debug)]
enum Plan {
    Single(Step),
    Multi(Multi),
}

/// Requests to the backend and, later, their outcomes.
#[derive(Debug)]
enum Remote {
    Waiting(Box<Waiting>),
    Done(Result<Outcome>),
    Taken,
}

/// A request that has not been sent, and its files once they have been looked for.
#[derive(Debug)]
struct Waiting {
    request: ExecuteRequest,
    files: Option<CallFiles>,
}

impl Waiting {
    async fn prepare(&mut self, session: &Inner) -> Result<()> {
        session.own_slug(&mut self.request.tool_slug).await?;
        if self.files.is_none() && session.client.file_options().automatic.is_some() {
            self.files = Some(CallFiles::find(session, &self.request).await?);
        }
        Ok(())
    }

    async fn send(&mut self, session: &Inner) -> Result<Outcome> {
        self.prepare(session).await?;
        let automatic = session.client.file_options().automatic.as_ref().zip(self.files.as_ref());
        if let Some((options, files)) = automatic {
            files.upload(session, &mut self.request, options).await?;
        }
        let reply = session.client.backend()?.execute(&session.id, &self.request).await?;
        let outcome = Outcome::of(reply, &self.request.tool_slug)?;
        match automatic {
            Some((options, files)) => files.download(session, &self.request, outcome, options).await,
            None => Ok(outcome),
        }
    }
}

/// Tools that run at the same time, here and at the backend.
#[derive(Debug)]
pub struct Run {
    session: Arc<Inner>,
    plans: Vec<Plan>,
    local: Vec<LocalCall>,
    remote: Vec<Remote>,
}

impl Run {
    pub(crate) fn plan(session: Arc<Inner>, calls: Vec<Call>, mode: RunMode) -> Result<Self> {
        let mut run = Self { session, plans: Vec::with_capacity(calls.len()), local: Vec::new(), remote: Vec::new() };
        for call in calls {
            if let Some(problem) = &call.problem {
                run.plans.push(Plan::Single(Step::Settled(Outcome::failed(format!("{}: {problem}", call.slug)))));
                continue;
            }
            let slug = call.slug.clone();
            let plan = match mode {
                RunMode::Execute => run.plan_one(call)?,
                // One slip of a model must not cost it its other calls.
                RunMode::ToolCall => run
                    .plan_call(call)
                    .unwrap_or_else(|error| Plan::Single(Step::Settled(Outcome::failed(format!("{slug}: {error}"))))),
            };
            run.plans.push(plan);
        }
        Ok(run)
    }

    fn plan_one(&mut self, call: Call) -> Result<Plan> {
        call.check()?;
        Ok(Plan::Single(self.step(call)?))
    }

    fn plan_call(&mut self, call: Call) -> Result<Plan> {
        if !call.slug.eq_ignore_ascii_case(MULTI_EXECUTE) {
            return self.plan_one(call);
        }
        call.check()?;
        Ok(match Multi::split(call, self)? {
            Ok(multi) => Plan::Multi(multi),
            Err(whole) => Plan::Single(self.send(whole)),
        })
    }

    pub(crate) fn is_local(&self, slug: &str) -> Result<bool> {
        Ok(self.session.tools.find(slug)?.is_some())
    }

    /// Plans one tool, here or at the backend.
    pub(crate) fn step(&mut self, call: Call) -> Result<Step> {
        let session = self.session.clone();
        let Some(entry) = session.tools.find(&call.slug)? else { return Ok(self.send(call)) };
        let arguments = call.arguments.unwrap_or_else(RawJson::empty_object);
        let value: Value = arguments.decode("arguments")?;
        if let Err(reason) = entry.check(&value) {
            return Ok(Step::Settled(Outcome::failed(format!("Invalid arguments for {}: {reason}", entry.final_slug))));
        }
        let id = self.local.len();
        self.local.push(LocalCall { id, slug: entry.final_slug.clone(), arguments });
        Ok(Step::Local(id))
    }

    /// Plans a request to the backend.
    pub(crate) fn send(&mut self, call: Call) -> Step {
        let request = call.request(self.session.tools.payload());
        self.remote.push(Remote::Waiting(Box::new(Waiting { request, files: None })));
        Step::Remote(self.remote.len() - 1)
    }

    /// The custom tools to run, all at once where the language can.
    #[must_use]
    pub fn local_calls(&self) -> &[LocalCall] {
        &self.local
    }

    /// Whether [`Run::remote`] has anything to do.
    #[must_use]
    pub fn has_remote(&self) -> bool {
        !self.remote.is_empty()
    }

    /// Whether [`Run::uploads`] could have anything to say.
    #[must_use]
    pub fn may_upload(&self) -> bool {
        self.has_remote() && self.session.client.file_options().automatic.is_some()
    }

    /// The files that [`Run::remote`] is going to upload by itself, for a caller that wants to judge them first. May ask
    /// the backend for schemas; a call that this fails for has no files, and its error comes with its result.
    pub async fn uploads(&mut self) -> Vec<PendingUpload> {
        let session = &self.session;
        join_all(self.remote.iter_mut().map(|slot| async move {
            if let Remote::Waiting(waiting) = slot
                && let Err(error) = waiting.prepare(session).await
            {
                *slot = Remote::Done(Err(error));
            }
        }))
        .await;
        let mut pending = Vec::new();
        for files in self.files() {
            pending.extend(files.pending(pending.len()));
        }
        pending
    }

    /// Takes the answers to what [`Run::uploads`] listed.
    pub fn answer_uploads(&mut self, answers: Vec<UploadAnswer>) {
        for answer in answers {
            let mut index = answer.id;
            for files in self.files() {
                if index < files.len() {
                    files.answer(index, answer);
                    break;
                }
                index -= files.len();
            }
        }
    }

    fn files(&mut self) -> impl Iterator<Item = &mut CallFiles> {
        self.remote.iter_mut().filter_map(|slot| match slot {
            Remote::Waiting(waiting) => waiting.files.as_mut(),
            Remote::Done(_) | Remote::Taken => None,
        })
    }

    /// Does the backend's part. Drive it while the custom tools run; dropping it stops the requests.
    pub async fn remote(&mut self) {
        let session = &self.session;
        join_all(self.remote.iter_mut().map(|slot| async move {
            if let Remote::Waiting(waiting) = slot {
                *slot = Remote::Done(waiting.send(session).await);
            }
        }))
        .await;
    }

    /// Joins the results, one a call, in the order of the calls.
    ///
    /// # Errors
    /// A call's own entry is an error where the backend refused it; [`ErrorKind::Internal`] where an outcome is missing.
    pub fn finish(mut self, outcomes: Vec<LocalOutcome>) -> Result<Vec<Result<Outcome>>> {
        let mut local: Vec<Option<Outcome>> = vec![None; self.local.len()];
        for LocalOutcome { id, data, error } in outcomes {
            if let Some(slot) = local.get_mut(id) {
                *slot = Some(error.map_or_else(|| Outcome::completed(data), Outcome::failed));
            }
        }
        let plans = std::mem::take(&mut self.plans);
        let mut take = |step| match step {
            Step::Settled(outcome) => Ok(outcome),
            Step::Local(id) => local
                .get_mut(id)
                .and_then(Option::take)
                .ok_or_else(|| Error::new(ErrorKind::Internal, "a custom tool was not run")),
            Step::Remote(index) => {
                match self.remote.get_mut(index).map(|slot| std::mem::replace(slot, Remote::Taken)) {
                    Some(Remote::Done(outcome)) => outcome,
                    _ => Err(Error::new(ErrorKind::Internal, "the backend's part was not awaited")),
                }
            }
        };
        Ok(plans
            .into_iter()
            .map(|plan| match plan {
                Plan::Single(step) => take(step),
                Plan::Multi(multi) => multi.join(&mut take),
            })
            .collect())
    }
}
