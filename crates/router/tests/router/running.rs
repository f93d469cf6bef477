//! A PostgreSQL server of the tests' own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::database::{SERVER, sql};

/// A server. It ends with its input, however this process ends.
pub(crate) struct Server {
    pub(crate) url: String,
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/postgres/server.py");
        let mut process =
            Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = process.stdin.take();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut url = String::new();
        output.read_line(&mut url).unwrap();
        assert!(url.starts_with("postgres://"), "PostgreSQL does not start; standard error says why");
        Self { url: url.trim().to_owned(), process, input, output }
    }

    pub(crate) fn tell(&mut self, command: &str) -> String {
        writeln!(self.input.as_mut().unwrap(), "{command}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.input.take());
        self.process.wait().unwrap();
    }
}

/// Runs the tests of this program once more, but for some modules, on a new server. That at least so many had a database
/// there shows that they ran on it.
pub(crate) fn suite(skipped: &[&str], databases: u32) {
    let server = Server::start();
    let done = Command::new(std::env::current_exe().unwrap())
        .args(skipped.iter().flat_map(|module| ["--skip", *module]))
        .env(SERVER, format!("{}?sslmode=prefer", server.url))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("test result: ok."), "{said}");
    let used: u32 = sql(&server.url, "SELECT count(*) FROM pg_database WHERE datname LIKE 'test%'").parse().unwrap();
    assert!(used >= databases, "only {used} tests had a database there");
}
