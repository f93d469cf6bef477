//! The floor of the benchmarks: the same requests with reqwest and nothing else.
//!
//! `bench-floor BASE_URL execute|tools CALLS` prints the median in microseconds.

use std::error::Error;
use std::time::Instant;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

const USAGE: &str = "usage: bench-floor BASE_URL execute|tools CALLS";
const SESSION: &str = "/api/v3.1/tool_router/session/trs_bench";

/// Sends a request until `calls` have been timed, and checks that the answer has what was asked for.
async fn time(request: impl Fn() -> RequestBuilder, calls: usize, proof: &str) -> Result<f64, Box<dyn Error>> {
    let mut times = Vec::with_capacity(calls);
    for call in 0..calls + calls / 10 {
        let start = Instant::now();
        let reply: Value = serde_json::from_slice(&request().send().await?.error_for_status()?.bytes().await?)?;
        if reply.pointer(proof).is_none() {
            return Err(format!("the answer has no {proof}").into());
        }
        if call >= calls / 10 {
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times.get(times.len() / 2).copied().unwrap_or(f64::NAN))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [base, what, calls] = arguments.as_slice() else { return Err(USAGE.into()) };
    let calls = calls.parse()?;
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "another TLS provider is set already")?;
    let client = reqwest::Client::builder().tcp_nodelay(true).build()?;
    let body = json!({"tool_slug": "GITHUB_CREATE_ISSUE", "arguments": {"title": "It is broken", "labels": ["bug"]}});
    let body = body.to_string();
    let median = match what.as_str() {
        "execute" => {
            let request = || {
                let request = client.post(format!("{base}{SESSION}/execute")).header("x-api-key", "k");
                request.header("content-type", "application/json").body(body.clone())
            };
            time(request, calls, "/result_type").await?
        }
        "tools" => {
            let request = || client.get(format!("{base}{SESSION}/tools?limit=500")).header("x-api-key", "k");
            time(request, calls, "/items/99").await?
        }
        _ => return Err(USAGE.into()),
    };
    println!("{median}");
    Ok(())
}
