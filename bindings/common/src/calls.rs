//! Running tools for a language whose own code runs the custom ones.

use std::future::Future;
use std::sync::Arc;

use composio_contract::{Error, ErrorKind, RawJson, Result};
use composio_core::provider::tool_results;
use composio_core::{Call, LocalCall, LocalOutcome, Run, RunMode, Session, Upload, UploadAnswer};
use tokio::sync::Mutex;

/// A run, shared between the language that runs the custom tools and the thread that does the backend's part.
#[derive(Debug)]
pub struct PlannedRun {
    run: Arc<Mutex<Option<Run>>>,
    mode: RunMode,
    local: Vec<LocalCall>,
    has_remote: bool,
    may_upload: bool,
}

impl PlannedRun {
    /// Plans the run of tools. `tool_call` says that a model called them: custom tools within a multi execute then run
    /// here.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] for a call that cannot be made.
    pub fn plan(session: &Session, calls: Vec<Call>, tool_call: bool) -> Result<Self> {
        let mode = if tool_call { RunMode::ToolCall } else { RunMode::Execute };
        let run = session.run(calls, mode)?;
        let (local, has_remote, may_upload) = (run.local_calls().to_vec(), run.has_remote(), run.may_upload());
        Ok(Self { run: Arc::new(Mutex::new(Some(run))), mode, local, has_remote, may_upload })
    }

    /// The custom tools to run.
    #[must_use]
    pub fn local_calls(&self) -> &[LocalCall] {
        &self.local
    }

    /// The files that the backend's part is going to upload by itself, for modifiers to judge first: a list of objects
    /// with `id`, `path`, `source` (`path` or `url`), `tool` and `toolkit`. None where there can be none; a caller without
    /// such modifiers need not ask.
    #[must_use]
    pub fn uploads(&self) -> Option<impl Future<Output = Result<RawJson>> + Send + 'static> {
        let run = Arc::clone(&self.run);
        self.may_upload.then_some(async move {
            match run.lock().await.as_mut() {
                Some(run) => RawJson::encode(&run.uploads().await),
                None => Err(under_way()),
            }
        })
    }

    /// Takes what the modifiers made of [`PlannedRun::uploads`]: a list of objects with `id` and `path`, which is null
    /// where the upload is refused.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] for another list, [`ErrorKind::Internal`] where the run is under way.
    pub fn answer_uploads(&self, answers: &RawJson) -> Result<()> {
        let answers: Vec<UploadAnswer> = answers.decode("answers to uploads")?;
        let mut run = self.run.try_lock().map_err(|_| under_way())?;
        run.as_mut().ok_or_else(under_way)?.answer_uploads(answers);
        Ok(())
    }

    /// Does the backend's part, for the custom tools to run meanwhile; none where there is none. Dropping it stops the
    /// requests.
    #[must_use]
    pub fn remote(&self) -> Option<impl Future<Output = Result<()>> + Send + 'static> {
        let run = Arc::clone(&self.run);
        self.has_remote.then_some(async move {
            if let Some(run) = run.lock().await.as_mut() {
                run.remote().await;
            }
            Ok(())
        })
    }

    /// Joins the results, one a call: `data`, `error`, `successful` of a model's call, else what execute answers with.
    ///
    /// # Errors
    /// What the backend said about a tool that the caller named, and [`ErrorKind::Internal`] for a run that is not over.
    pub fn finish(&self, outcomes: Vec<LocalOutcome>) -> Result<Vec<RawJson>> {
        let run = self.run.try_lock().ok().and_then(|mut run| run.take()).ok_or_else(under_way)?;
        let results = run.finish(outcomes)?;
        match self.mode {
            RunMode::ToolCall => tool_results(results),
            RunMode::Execute => results.into_iter().map(|result| result?.as_execute_response()).collect(),
        }
    }
}

fn under_way() -> Error {
    Error::new(ErrorKind::Internal, "the run is still under way or has finished")
}

/// Runs one tool that is the backend's alone; none where a custom tool is to run. Saves a [`PlannedRun`] and its trips
/// over the language's border.
///
/// # Errors
/// [`ErrorKind::Validation`] for a call that cannot be made.
pub fn remote_execute(
    session: &Session,
    call: Call,
) -> Result<Option<impl Future<Output = Result<RawJson>> + Send + 'static>> {
    let mut run = session.run(vec![call], RunMode::Execute)?;
    if !run.local_calls().is_empty() {
        return Ok(None);
    }
    Ok(Some(async move {
        run.remote().await;
        let missing = || Err(Error::new(ErrorKind::Internal, "the run has no result"));
        run.finish(Vec::new())?.pop().unwrap_or_else(missing)?.as_execute_response()
    }))
}

/// What a text names for an upload: a URL, or a path of this machine.
#[must_use]
pub fn upload(source: String) -> Upload {
    if source.starts_with("https://") || source.starts_with("http://") {
        Upload::Url(source)
    } else {
        Upload::Path(source.into())
    }
}
