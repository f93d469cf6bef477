//! Loads one document with the schemas of all its arguments, and says how long that took and how much memory.
//!
//!     cargo run --release -p composio-openapi --example load -- api.github.com.json

use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path)?;
        let before = resident();
        let start = Instant::now();
        let document = match composio_openapi::Document::load(&text) {
            Ok(document) => document,
            Err(error) => {
                println!("{path}: refused: {error}");
                continue;
            }
        };
        drop(text);
        let indexed = start.elapsed();
        let (mut bytes, mut largest, mut refused) = (0, (0, ""), 0);
        for operation in document.operations() {
            match document.input(operation) {
                Ok(input) => {
                    let size = input.schema.to_string().len();
                    bytes += size;
                    largest = largest.max((size, operation.name.as_str()));
                }
                Err(error) => {
                    refused += 1;
                    if refused <= 3 {
                        println!("{path}: {}: {error}", operation.name);
                    }
                }
            }
        }
        let all = start.elapsed();
        println!(
            "{path}: {} operations, {refused} refused, indexed in {indexed:.0?}, with schemas in {all:.0?}; {} kB of schemas, \
             the largest {} kB ({}); {} MB more than before, {} MB at most",
            document.operations().len(),
            bytes / 1000,
            largest.0 / 1000,
            largest.1,
            resident().saturating_sub(before) / 1000,
            status("VmHWM") / 1000,
        );
    }
    Ok(())
}

fn resident() -> usize {
    status("VmRSS")
}

fn status(key: &str) -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
