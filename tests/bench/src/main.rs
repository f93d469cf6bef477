//! The floor of the benchmarks: the same requests with reqwest and nothing else.
//!
//! `bench-floor BASE_URL CALLS` prints a JSON object of medians in microseconds.

use std::error::Error;
use std::time::Instant;

use serde_json::{Value, json};

const SESSION: &str = "/api/v3.1/tool_router/session/trs_bench";

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let base = arguments.next().ok_or("usage: bench-floor BASE_URL CALLS")?;
    let calls: usize = arguments.next().ok_or("usage: bench-floor BASE_URL CALLS")?.parse()?;
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "another TLS provider is set already")?;
    let client = reqwest::Client::builder().tcp_nodelay(true).build()?;
    let body = json!({"tool_slug": "GITHUB_CREATE_ISSUE", "arguments": {"title": "It is broken", "labels": ["bug"]}})
        .to_string();

    let mut execute = Vec::with_capacity(calls);
    for call in 0..calls + calls / 10 {
        let start = Instant::now();
        let request = client.post(format!("{base}{SESSION}/execute"));
        let request = request.header("content-type", "application/json").header("x-api-key", "k").body(body.clone());
        let reply: Value = serde_json::from_slice(&request.send().await?.error_for_status()?.bytes().await?)?;
        if reply.get("result_type").is_none() {
            return Err("the answer to execute has no result_type".into());
        }
        if call >= calls / 10 {
            execute.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }

    let mut tools = Vec::new();
    for call in 0..220 {
        let start = Instant::now();
        let request = client.get(format!("{base}{SESSION}/tools?limit=500")).header("x-api-key", "k");
        let reply: Value = serde_json::from_slice(&request.send().await?.error_for_status()?.bytes().await?)?;
        if reply.pointer("/items/99").is_none() {
            return Err("the answer to tools has fewer than 100 items".into());
        }
        if call >= 20 {
            tools.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    println!("{}", json!({"execute_us": median(execute), "tools_us": median(tools)}));
    Ok(())
}
