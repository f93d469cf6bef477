//! A mock of the hosted backend: replays the vectors to every language's tests, and answers benchmarks.
//!
//! `mock-backend [--listen ADDRESS] [--vectors FOLDER] [--bench] [--keep] [--expand]` prints the address it listens
//! on as one line, and ends when its standard input closes unless `--keep` is given. `--expand` prints every vector
//! with its shared parts resolved instead. See `tests/vectors/README.md`.

mod bench;
mod json;
mod run;
mod server;
mod vector;

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::bench::Bench;
use crate::server::Mock;
use crate::vector::Vectors;

struct Options {
    listen: String,
    vectors: PathBuf,
    bench: bool,
    keep: bool,
    expand: bool,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            listen: "127.0.0.1:0".to_owned(),
            vectors: "tests/vectors".into(),
            bench: false,
            keep: false,
            expand: false,
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value"));
            match arg.as_str() {
                "--listen" => options.listen = value()?,
                "--vectors" => options.vectors = value()?.into(),
                "--bench" => options.bench = true,
                "--keep" => options.keep = true,
                "--expand" => options.expand = true,
                _ => return Err(format!("unknown argument {arg}")),
            }
        }
        Ok(options)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let vectors = Vectors::load(&options.vectors)?;
    if options.expand {
        serde_json::to_writer(std::io::stdout().lock(), vectors.all())?;
        return Ok(());
    }
    let listener = TcpListener::bind(&options.listen).await?;
    let host = listener.local_addr()?.to_string();
    let bench = options.bench.then(|| Bench::new(&host));
    println!("{host}");
    std::io::stdout().flush()?;
    let folder = tempfile::tempdir()?;
    // Clients name files by the paths that links lead to.
    let serving = Mock::new(host, vectors, folder.path().canonicalize()?, bench).serve(listener);
    if options.keep {
        serving.await?;
    } else {
        tokio::select! {
            stopped = serving => { stopped?; }
            () = input_closes() => {}
        }
    }
    folder.close()?;
    // The runtime would otherwise wait for the thread that reads standard input.
    std::process::exit(0);
}

/// Ends when nobody can write to standard input any more: the process that started this one is gone.
async fn input_closes() {
    let mut input = tokio::io::stdin();
    let mut buffer = [0; 64];
    while let Ok(1..) = input.read(&mut buffer).await {}
}
