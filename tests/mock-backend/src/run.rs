//! One run of a vector: requests are judged against its exchanges, reported results against its steps.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use hyper::HeaderMap;
use indexmap::IndexMap;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use crate::json::{Json, Match, Object, differences, texts};
use crate::vector::{Exchange, Request, Response, Step, Vector};

/// A request as it came, its path relative to the run's base URL.
#[derive(Clone, Serialize)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: IndexMap<String, Vec<String>>,
    #[serde(skip)]
    pub(crate) headers: HeaderMap,
    #[serde(serialize_with = "as_text")]
    pub(crate) body: Bytes,
}

fn as_text<S: serde::Serializer>(body: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(body))
}

pub(crate) struct Run {
    vector: Vector,
    folder: PathBuf,
    used: Vec<bool>,
    problems: Vec<String>,
    received: Vec<Received>,
    last_answer: Option<Instant>,
}

/// What a run has found so far.
#[derive(Serialize)]
pub(crate) struct Verdict {
    ok: bool,
    problems: Vec<String>,
    requests: Vec<Received>,
}

impl Run {
    pub(crate) fn new(vector: Vector, folder: PathBuf) -> Self {
        let used = vec![false; vector.exchange.len()];
        Self { vector, folder, used, problems: Vec::new(), received: Vec::new(), last_answer: None }
    }

    /// Finds the answer to a request; a request that does not match is a problem, and its text the error.
    pub(crate) fn answer(&mut self, request: Received) -> Result<Response, String> {
        let judge = |exchange: &Exchange| {
            let mut found = self.judge_place(&exchange.request, &request);
            if found.is_empty() {
                found = self.judge_content(&exchange.request, &request);
            }
            found
        };
        let mut unused =
            self.used.iter().zip(&self.vector.exchange).enumerate().filter(|(_, (used, e))| !**used || e.repeat);
        let candidate = if self.vector.unordered {
            // The request that fits best tells best what is wrong, should none fit.
            unused.map(|(index, (_, exchange))| (index, judge(exchange))).min_by_key(|(_, found)| found.len())
        } else {
            unused.next().map(|(index, (_, exchange))| (index, judge(exchange)))
        };
        let what = format!("request {} ({} {})", self.received.len() + 1, request.method, request.path);
        self.received.push(request);
        let Some((index, found)) = candidate else {
            let problem = format!("{what}: unexpected, every exchange has been used");
            self.problems.push(problem.clone());
            return Err(problem);
        };
        if let Some(used) = self.used.get_mut(index) {
            *used = true;
        }
        if found.is_empty() {
            return Ok(self.vector.exchange.get(index).map(|exchange| exchange.response.clone()).unwrap_or_default());
        }
        let problem = format!("{what}: {}", found.join("; "));
        self.problems.push(problem.clone());
        Err(problem)
    }

    /// Notes that an answer goes out now; the next request's `not_before_ms` counts from here.
    pub(crate) fn answered(&mut self) {
        self.last_answer = Some(Instant::now());
    }

    fn judge_place(&self, expected: &Request, request: &Received) -> Vec<String> {
        let mut found = Vec::new();
        if expected.method != request.method
            || !expected.path.split('/').map(decode).eq(request.path.split('/').map(decode))
        {
            found.push(format!("expected {} {}", expected.method, expected.path));
        }
        found
    }

    fn judge_content(&self, expected: &Request, request: &Received) -> Vec<String> {
        let mut found = Vec::new();
        let query = |values: &[String]| match values {
            [one] => Json::String(one.clone()),
            many => Json::Array(many.iter().cloned().map(Json::String).collect()),
        };
        differences(
            &Json::Object(expected.query.clone()),
            Some(&Json::Object(request.query.iter().map(|(name, values)| (name.clone(), query(values))).collect())),
            Match::Exact,
            "query",
            &mut found,
        );
        self.judge_headers(expected, request, &mut found);
        judge_body(expected, request, &mut found);
        if let (Some(least), Some(last)) = (expected.not_before_ms, self.last_answer) {
            let waited = last.elapsed();
            if waited < Duration::from_millis(least) {
                found.push(format!("came {} ms after the last answer, at least {least} expected", waited.as_millis()));
            }
        }
        found
    }

    fn judge_headers(&self, expected: &Request, request: &Received, found: &mut Vec<String>) {
        let mut wanted: IndexMap<&str, &str> = IndexMap::new();
        let mut forbidden: Vec<&str> = expected.forbidden_headers.iter().map(String::as_str).collect();
        // A presigned URL carries its own signature: the backend's key must not reach that host.
        match self.vector.api_key() {
            Some(key) if !expected.path.starts_with("/presigned/") => drop(wanted.insert("x-api-key", key)),
            _ => forbidden.extend(["x-api-key", "authorization"]),
        }
        if expected.body.is_some() || expected.body_includes.is_some() {
            wanted.insert("content-type", "application/json");
        }
        wanted.extend(expected.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        for (name, value) in wanted {
            let got = request.headers.get(name).and_then(|value| value.to_str().ok());
            if got != Some(value) {
                found.push(format!("header {name}: expected {value:?}, got {got:?}"));
            }
        }
        for name in forbidden.into_iter().filter(|name| request.headers.contains_key(*name)) {
            found.push(format!("header {name}: forbidden, but sent"));
        }
    }

    /// Judges what a step gave: `{"result": ...}` or `{"error": {...}}`.
    pub(crate) fn report(&mut self, index: usize, outcome: &Json) -> Vec<String> {
        let Some(step) = self.vector.steps.get(index) else { return vec![format!("there is no step {index}")] };
        let found = judge_outcome(step, outcome, self.vector.api_key());
        let found: Vec<String> =
            found.into_iter().map(|text| format!("step {index} ({}): {text}", step.call)).collect();
        self.problems.extend(found.iter().cloned());
        found
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let missing = self.used.iter().zip(&self.vector.exchange).filter(|(used, _)| !**used);
        let mut problems = self.problems.clone();
        problems.extend(missing.map(|(_, Exchange { request, .. })| {
            format!("missing request: {} {} was never made", request.method, request.path)
        }));
        problems.extend(self.judge_files());
        Verdict { ok: problems.is_empty(), problems, requests: self.received.clone() }
    }

    fn judge_files(&self) -> Vec<String> {
        let mut found = IndexMap::new();
        collect(&self.folder, &self.folder, &mut found);
        let mut problems = Vec::new();
        for (name, text) in self.vector.files.iter().chain(&self.vector.new_files) {
            match found.shift_remove(name) {
                Some(got) if got == *text => {}
                Some(got) => problems.push(format!("file {name}: expected {text:?}, got {got:?}")),
                None => problems.push(format!("file {name}: missing")),
            }
        }
        problems.extend(found.into_keys().map(|name| format!("file {name}: unexpected")));
        problems
    }
}

/// Every file below a folder, by its path from `root`.
fn collect(root: &Path, folder: &Path, found: &mut IndexMap<String, String>) {
    // No folder is one without files: most vectors have none.
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            found.insert(name, String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned());
        }
    }
}

fn decode(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

fn judge_body(expected: &Request, request: &Received, found: &mut Vec<String>) {
    let json = |how: Match, body: &Json, found: &mut Vec<String>| match std::str::from_utf8(&request.body)
        .map_err(|error| error.to_string())
        .and_then(|text| Json::parse(text).map_err(|error| error.to_string()))
    {
        Ok(actual) => differences(body, Some(&actual), how, "body", found),
        Err(error) => found.push(format!("body: expected {body}, got no JSON ({error})")),
    };
    let bytes = |wanted: &[u8], found: &mut Vec<String>| {
        if request.body != wanted {
            let (wanted, got) = (String::from_utf8_lossy(wanted), String::from_utf8_lossy(&request.body));
            found.push(format!("body: expected {wanted:?}, got {got:?}"));
        }
    };
    if let Some(body) = &expected.body {
        json(Match::Exact, body, found);
    } else if let Some(body) = &expected.body_includes {
        json(Match::Subset, body, found);
    } else if let Some(text) = &expected.body_text {
        bytes(text.as_bytes(), found);
    } else if let Some(text) = &expected.body_base64 {
        match BASE64_STANDARD.decode(text) {
            Ok(wanted) => bytes(&wanted, found),
            Err(error) => found.push(format!("the vector's body_base64: {error}")),
        }
    } else {
        bytes(b"", found);
    }
}

fn judge_outcome(step: &Step, outcome: &Json, api_key: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    match (outcome.get("result"), outcome.get("error"), &step.error) {
        (Some(result), None, None) => {
            if let Some(expected) = &step.expect {
                differences(expected, Some(result), Match::Subset, "result", &mut found);
            }
            if let Some(expected) = &step.equals {
                differences(expected, Some(result), Match::Exact, "result", &mut found);
            }
        }
        (None, Some(error), Some(expected)) => {
            let said = |key| error.get(key).and_then(Json::as_str).unwrap_or_default();
            let message = format!("{} {}", said("message"), said("suggested_fix"));
            for (key, wanted) in expected {
                match key.as_str() {
                    "message_contains" => found.extend(
                        texts(wanted)
                            .into_iter()
                            .filter(|part| !message.contains(part))
                            .map(|part| format!("error.message: expected {part:?} in {message:?}")),
                    ),
                    "not_contains" => {}
                    _ => differences(wanted, error.get(key), Match::Subset, &format!("error.{key}"), &mut found),
                }
            }
            let whole = error.to_string();
            for secret in expected.get("not_contains").into_iter().flat_map(texts).chain(api_key) {
                if whole.contains(secret) {
                    found.push(format!("error: must not contain {secret:?}: {whole}"));
                }
            }
        }
        (Some(result), None, Some(expected)) => {
            found.push(format!("expected an error, {}, got the result {result}", Json::Object(expected.clone())));
        }
        (None, Some(error), None) => found.push(format!("unexpected error: {error}")),
        _ => found.push("report either `result` or `error`".to_owned()),
    }
    found
}

/// What a language needs to carry a vector out.
pub(crate) fn instructions(id: &str, base_url: &str, run: &Run) -> Object {
    let value = serde_json::to_string(&run.vector).ok().and_then(|text| Json::parse(&text).ok()).unwrap_or_default();
    let mut fields = value.as_object().cloned().unwrap_or_default();
    for hidden in ["exchange", "files", "new_files"] {
        fields.shift_remove(hidden);
    }
    fields.insert("run".to_owned(), Json::String(id.to_owned()));
    fields.insert("base_url".to_owned(), Json::String(base_url.to_owned()));
    fields.insert("folder".to_owned(), Json::String(run.folder.to_string_lossy().into_owned()));
    fields
}
