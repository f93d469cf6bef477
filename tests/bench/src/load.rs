//! Many clients of a server at once.
//!
//! `bench-load serve` is the floor: an axum route that reads JSON and answers JSON; it prints its URL.
//! `bench-load URL bare|create|execute|search SECONDS [PID]` sends calls over 64 connections, each as soon as the last is
//! answered, and prints calls a second, the 99th percentile in milliseconds, and the megabytes that the process PID has
//! at the beginning, in the middle and at the end. An answer that is none ends it with an error.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const USAGE: &str = "usage: bench-load serve | URL bare|create|execute|search SECONDS [PID]";
const CONNECTIONS: usize = 64;
const SESSIONS: &str = "/api/v3.1/tool_router/session";
/// What is not counted: connections open, code and memory are touched for the first time.
const WARM_UP: Duration = Duration::from_secs(1);

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A kind of call: where it goes, and its body, which may differ from call to call.
struct Calls {
    path: String,
    body: fn(u64) -> Value,
    status: StatusCode,
    /// What an answer must have in it.
    proof: &'static str,
}

impl Calls {
    async fn of(what: &str, host: &str) -> Result<Self> {
        let (session, status) = (|id: String, call: &str| format!("{SESSIONS}/{id}/{call}"), StatusCode::OK);
        Ok(match what {
            "bare" => Self { path: "/".to_owned(), body: time, status, proof: "completed" },
            "create" => {
                let body = |number| json!({"user_id": format!("user_{number}"), "toolkits": {"enable": ["time"]}});
                Self { path: SESSIONS.to_owned(), body, status: StatusCode::CREATED, proof: "session_id" }
            }
            "execute" => {
                let path = session(create(host, &json!({"user_id": "load"})).await?, "execute");
                Self { path, body: time, status, proof: "\"completed\"" }
            }
            "search" => {
                let only = json!({"user_id": "load", "toolkits": {"enable": ["many"]}});
                let path = session(create(host, &only).await?, "search");
                let body =
                    |number| json!({"queries": [{"use_case": format!("find the open orders of customer {number}")}]});
                Self { path, body, status, proof: "MANY_" }
            }
            _ => return Err(USAGE.into()),
        })
    }

    fn request(&self, host: &str, number: u64) -> Result<Request<Full<Bytes>>> {
        let request = Request::post(&self.path).header("host", host).header("content-type", "application/json");
        Ok(request.body(Full::from((self.body)(number).to_string()))?)
    }
}

fn time(_: u64) -> Value {
    json!({"tool_slug": "TIME_NOW", "arguments": {"timezone": "Asia/Tokyo"}})
}

/// The id of a new session.
async fn create(host: &str, body: &Value) -> Result<String> {
    let mut connection = connect(host).await?;
    let request = Request::post(SESSIONS).header("host", host).header("content-type", "application/json");
    let reply = connection.send_request(request.body(Full::from(body.to_string()))?).await?;
    let reply: Value = serde_json::from_slice(&reply.into_body().collect().await?.to_bytes())?;
    Ok(reply.get("session_id").and_then(Value::as_str).ok_or_else(|| format!("no session: {reply}"))?.to_owned())
}

async fn connect(host: &str) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Calls over one connection until the time is over; the microseconds of each that counts.
async fn client(
    host: Arc<str>,
    calls: Arc<Calls>,
    numbers: Arc<AtomicU64>,
    from: Instant,
    to: Instant,
) -> Result<Vec<u32>> {
    let mut connection = connect(&host).await?;
    let mut times = Vec::new();
    loop {
        let started = Instant::now();
        if started >= to {
            return Ok(times);
        }
        let request = calls.request(&host, numbers.fetch_add(1, Ordering::Relaxed))?;
        let reply = connection.send_request(request).await?;
        let status = reply.status();
        let body = reply.into_body().collect().await?.to_bytes();
        let text = std::str::from_utf8(&body)?;
        if status != calls.status || !text.contains(calls.proof) {
            return Err(format!("{status}: {text}").into());
        }
        if started >= from {
            times.push(u32::try_from(started.elapsed().as_micros())?);
        }
    }
}

fn megabytes(pid: Option<&str>) -> Result<f64> {
    let Some(pid) = pid else { return Ok(0.0) };
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

async fn load(url: &str, what: &str, seconds: f64, pid: Option<&str>) -> Result<()> {
    let host: Arc<str> = url.trim_start_matches("http://").trim_end_matches('/').into();
    let calls = Arc::new(Calls::of(what, &host).await?);
    let numbers = Arc::new(AtomicU64::new(0));
    let from = Instant::now() + WARM_UP;
    let to = from + Duration::from_secs_f64(seconds);
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        clients.spawn(client(Arc::clone(&host), Arc::clone(&calls), Arc::clone(&numbers), from, to));
    }
    tokio::time::sleep_until(from.into()).await;
    let first = megabytes(pid)?;
    tokio::time::sleep_until((from + (to - from) / 2).into()).await;
    let middle = megabytes(pid)?;
    let mut times = Vec::new();
    while let Some(done) = clients.join_next().await {
        times.append(&mut done??);
    }
    times.sort_unstable();
    let slowest = times.get(times.len() * 99 / 100).copied().ok_or("no call was answered in time")?;
    let figures = json!({
        "calls": times.len(),
        "per_second": times.len() as f64 / seconds,
        "p99_ms": f64::from(slowest) / 1e3,
        "megabytes": [first, middle, megabytes(pid)?],
    });
    println!("{figures}");
    Ok(())
}

async fn serve() -> Result<()> {
    let answer = |Json(call): Json<Value>| async move {
        Json(json!({
            "result_type": "completed",
            "data": {"timezone": call.pointer("/arguments/timezone"), "time": "2026-01-01T00:00:00+09:00"},
            "error": null,
            "log_id": "log_0",
        }))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // As the server has it; without, small answers wait.
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, Router::new().route("/", post(answer))).await?)
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve"] => serve().await,
        [url, what, seconds] => load(url, what, seconds.parse()?, None).await,
        [url, what, seconds, pid] => load(url, what, seconds.parse()?, Some(pid)).await,
        _ => Err(USAGE.into()),
    }
}
