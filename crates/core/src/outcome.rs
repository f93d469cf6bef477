//! How a tool's run ended, in the two shapes that callers know.

use composio_contract::{Error, ErrorKind, ExecuteReply, RawJson, Reply, Result, ResultType};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// The result of one tool, run here or by the backend.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the tool returned.
    pub data: RawJson,
    /// Why it failed.
    pub error: Option<String>,
    /// Whether it did its work.
    pub successful: bool,
    /// The backend's answer, with fields that are not known here; none where the tool ran here.
    pub(crate) raw: Option<RawJson>,
}

impl Outcome {
    /// A tool that ran here and did its work; nothing returned becomes `{}`.
    pub(crate) fn completed(data: Option<RawJson>) -> Self {
        let data = data.filter(|data| data.as_str() != "null").unwrap_or_else(RawJson::empty_object);
        Self { data, error: None, successful: true, raw: None }
    }

    /// A tool that failed here.
    pub(crate) fn failed(error: impl Into<String>) -> Self {
        Self { data: RawJson::empty_object(), error: Some(error.into()), successful: false, raw: None }
    }

    /// Reads the backend's answer.
    pub(crate) fn of(reply: Reply<ExecuteReply>, slug: &str) -> Result<Self> {
        let (raw, view) = reply.into_parts();
        let successful = match &view.result_type {
            Some(ResultType::Completed) => true,
            Some(ResultType::Failed) => false,
            Some(ResultType::InputRequired) => return Err(input_required(slug, &raw)),
            other => return Err(unknown_result_type(other.as_ref())),
        };
        let data = view.data.unwrap_or_else(RawJson::empty_object);
        Ok(Self { data, error: view.error, successful, raw: Some(raw) })
    }

    /// The same with other data.
    pub(crate) fn with_data(mut self, data: RawJson) -> Result<Self> {
        if let Some(raw) = &mut self.raw {
            let mut fields: IndexMap<String, RawJson> = raw.decode("reply")?;
            fields.insert("data".to_owned(), data.clone());
            *raw = RawJson::encode(&fields)?;
        }
        self.data = data;
        Ok(self)
    }

    /// The shape of `execute`: `data`, `error`, `log_id` (empty where the tool ran here), `result_type`.
    ///
    /// # Errors
    /// None in practice.
    pub fn as_execute_response(&self) -> Result<RawJson> {
        #[derive(Serialize)]
        struct Response<'a> {
            data: &'a RawJson,
            error: Option<&'a str>,
            log_id: &'static str,
            result_type: ResultType,
        }
        match &self.raw {
            Some(raw) => Ok(raw.clone()),
            None => RawJson::encode(&Response {
                data: &self.data,
                error: self.error.as_deref(),
                log_id: "",
                result_type: if self.successful { ResultType::Completed } else { ResultType::Failed },
            }),
        }
    }

    /// The shape that a model reads: `data`, `error`, `successful`.
    ///
    /// # Errors
    /// None in practice.
    pub fn as_tool_response(&self) -> Result<RawJson> {
        #[derive(Serialize)]
        struct Response<'a> {
            data: &'a RawJson,
            error: Option<&'a str>,
            successful: bool,
        }
        RawJson::encode(&Response { data: &self.data, error: self.error.as_deref(), successful: self.successful })
    }
}

pub(crate) fn unknown_result_type(result_type: Option<&ResultType>) -> Error {
    let what = match result_type {
        Some(ResultType::Other(word)) => format!("the backend answered with the unknown result_type {word:?}"),
        Some(ResultType::Failed) => {
            "the backend answered with result_type \"failed\", which this call cannot have".to_owned()
        }
        _ => "the backend answered without a result_type".to_owned(),
    };
    Error::validation(what).with_suggested_fix("a newer version of this library may know it")
}

/// Whether a result, an object with `successful`, says that its tool failed.
pub(crate) fn has_failed(result: &RawJson) -> bool {
    #[derive(Deserialize)]
    struct Verdict {
        successful: Option<bool>,
    }
    result.decode::<Verdict>("result").is_ok_and(|verdict| verdict.successful == Some(false))
}

/// Adds what else ran to an error that a tool waits for the user, so that the caller does not run it again.
pub(crate) fn with_results<T: Serialize>(error: Error, results: &[T]) -> Result<Error> {
    let details = error.details().cloned().unwrap_or_default();
    let mut details: IndexMap<String, RawJson> = details.decode("details")?;
    details.insert("results".to_owned(), RawJson::encode(results)?);
    Ok(error.with_details(RawJson::encode(&details)?))
}

pub(crate) fn input_required(what: &str, raw: &RawJson) -> Error {
    Error::new(ErrorKind::ToolInputRequired, format!("{what} waits for the user's answer and has not run"))
        .with_suggested_fix("ask what input_requests says and call again with input_responses and request_state")
        .with_details(raw.clone())
}
