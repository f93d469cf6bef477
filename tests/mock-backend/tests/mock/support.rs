//! Starts the mock, and speaks just enough HTTP/1.1 to test it.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A mock that ends with the test.
pub(crate) struct Mock {
    child: Child,
    address: String,
}

impl Mock {
    pub(crate) fn start(vectors: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mock-backend"))
            .arg("--vectors")
            .arg(vectors)
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned() }
    }

    /// A mock of these vectors only.
    pub(crate) fn of(vectors: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("shared")).unwrap();
        fs::write(folder.path().join("shared/shared.json"), "{}").unwrap();
        fs::write(folder.path().join("own.json"), json!({ "vectors": vectors }).to_string()).unwrap();
        Self::start(folder.path(), &[])
    }

    /// Where the plain root is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn run(&self, vector: &str) -> Run<'_> {
        let (status, body) = self.send("POST", "/__mock/runs", &[], json!({ "vector": vector }).to_string());
        assert_eq!(status, 201, "{body}");
        let instructions: Value = serde_json::from_str(&body).unwrap();
        let id = instructions["run"].as_str().unwrap().to_owned();
        Run { mock: self, id, instructions, text: body }
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.send("GET", path, &[], "").1).unwrap()
    }

    /// Status and body; status 0 where the connection closes without an answer.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> (u16, String) {
        let mut stream = self.open(method, path, headers, body.as_ref());
        let mut answer = Vec::new();
        // A connection that the mock drops may be reset while it is read.
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { return (0, String::new()) };
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Sends a request and leaves the answer unread.
    pub(crate) fn open(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        write!(stream, "{head}content-length: {}\r\n\r\n", body.len()).unwrap();
        stream.write_all(body).unwrap();
        stream
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// A run of one vector.
pub(crate) struct Run<'a> {
    mock: &'a Mock,
    id: String,
    pub(crate) instructions: Value,
    /// The same as text, in which numbers keep their digits.
    pub(crate) text: String,
}

impl Run<'_> {
    /// A path below the run's base URL, from the mock's root.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("/r/{}{path}", self.id)
    }

    pub(crate) fn key(&self) -> Option<&str> {
        self.instructions["client"]["api_key"].as_str().or(self.instructions["env"]["COMPOSIO_API_KEY"].as_str())
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> (u16, String) {
        self.mock.send(method, &self.path(path), headers, body)
    }

    /// As a client sends it: with the key, and the type of a JSON body.
    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut headers: Vec<(&str, &str)> = self.key().map(|key| ("x-api-key", key)).into_iter().collect();
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        self.send(method, path, &headers, body)
    }

    pub(crate) fn report(&self, step: usize, outcome: &str) -> Value {
        let path = format!("/__mock/runs/{}/steps/{step}", self.id);
        serde_json::from_str(&self.mock.send("POST", &path, &[], outcome).1).unwrap()
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        let verdict = self.mock.get(&format!("/__mock/runs/{}", self.id));
        let problems: Vec<String> = serde_json::from_value(verdict["problems"].clone()).unwrap();
        assert_eq!(verdict["ok"], problems.is_empty());
        problems
    }
}
