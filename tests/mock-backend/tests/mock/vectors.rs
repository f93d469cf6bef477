//! The shared vectors: a client that sends exactly what they say passes each of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::support::{Mock, Run};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors");

#[derive(Deserialize)]
struct Vector {
    #[serde(default)]
    new_files: BTreeMap<String, String>,
    #[serde(default)]
    exchange: Vec<Exchange>,
}

#[derive(Deserialize)]
struct Exchange {
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    path: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Box<RawValue>>,
    #[serde(default)]
    body_text: String,
    #[serde(default)]
    body_base64: Option<String>,
    #[serde(default)]
    not_before_ms: u64,
}

#[test]
fn every_vector_can_be_carried_out() {
    let expanded = Command::new(env!("CARGO_BIN_EXE_mock-backend")).args(["--expand", "--vectors", VECTORS]).output();
    let vectors: BTreeMap<String, Vector> = serde_json::from_slice(&expanded.unwrap().stdout).unwrap();
    let count = vectors.len();
    let mock = Mock::start(Path::new(VECTORS), &[]);
    assert_eq!(mock.get("/__mock/vectors").as_array().unwrap().len(), count);
    let queue = Mutex::new(vectors.into_iter());
    // Some answers are slow on purpose; threads wait for them side by side.
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while let Some((name, vector)) = { queue.lock().unwrap().next() } {
                    let run = mock.run(&name);
                    let folder = Path::new(run.instructions["folder"].as_str().unwrap());
                    for (file, text) in &vector.new_files {
                        let path = folder.join(file);
                        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                        std::fs::write(path, text).unwrap();
                    }
                    for exchange in &vector.exchange {
                        send(&run, &exchange.request);
                    }
                    assert!(run.problems().is_empty(), "{name}: {:#?}", run.problems());
                }
            });
        }
    });
}

fn send(run: &Run<'_>, request: &Request) {
    // The vector asks for a client that waits this long.
    thread::sleep(Duration::from_millis(request.not_before_ms));
    let query: Vec<String> = request
        .query
        .iter()
        .map(|(name, value)| format!("{name}={}", value.replace('&', "%26").replace(' ', "+")))
        .collect();
    let path = if query.is_empty() { request.path.clone() } else { format!("{}?{}", request.path, query.join("&")) };
    let body = match (&request.body, &request.body_base64) {
        (Some(body), _) => {
            let folder = run.instructions["folder"].as_str().unwrap();
            body.get().replace("{{folder}}", folder).into_bytes()
        }
        (None, Some(text)) => BASE64_STANDARD.decode(text).unwrap(),
        (None, None) => request.body_text.as_bytes().to_vec(),
    };
    let mut headers: BTreeMap<&str, &str> = BTreeMap::new();
    if !request.path.starts_with("/presigned/") {
        headers.extend(run.key().map(|key| ("x-api-key", key)));
    }
    if request.body.is_some() {
        headers.insert("content-type", "application/json");
    }
    headers.extend(request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let headers: Vec<(&str, &str)> = headers.into_iter().collect();
    run.send(&request.method, &path, &headers, &body);
}

#[test]
fn the_benchmark_answers_fit() {
    let mock = Mock::start(Path::new(VECTORS), &["--bench"]);
    let session = "/api/v3.1/tool_router/session/trs_bench";
    let page = mock.get(&format!("{session}/tools?limit=500"));
    let tools = page["items"].as_array().unwrap();
    assert_eq!(tools.len(), 100);
    let size = tools.iter().map(|tool| tool["input_parameters"].to_string().len()).sum::<usize>() / tools.len();
    assert!((1_200..1_800).contains(&size), "{size}");
    let (status, body) = mock.send("POST", &format!("{session}/execute"), &[], "{}");
    assert_eq!(
        (status, serde_json::from_str::<Value>(&body).unwrap()["result_type"].as_str()),
        (200, Some("completed"))
    );
    assert_eq!(mock.send("GET", &format!("{session}/nothing"), &[], "").0, 418);
}
