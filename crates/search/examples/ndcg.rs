//! Measures ranking quality and speed on the data sets: `cargo run --release --example ndcg -- tests/search`.

#[path = "../tests/dataset/mod.rs"]
mod dataset;

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use dataset::Dataset;

const NAMES: [&str; 4] = ["metatool_single", "sealtools", "stabletoolbench", "toolret_apigen"];
const QUERIES: usize = 1_000;
const SMALL_CATALOGUE: usize = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let directory: PathBuf = std::env::args_os().nth(1).ok_or("usage: ndcg <directory of the data sets>")?.into();
    println!("data set          tools  nDCG@10  recall@5  median µs  p99 µs");
    for name in NAMES {
        let dataset = Dataset::load(&directory.join(name))?;
        let tools = dataset.tools.len();
        let index = dataset.index(tools);
        let scores = dataset.evaluate(&index, 0, QUERIES);
        let (ndcg, recall) = (scores.ndcg_at_10, scores.recall_at_5);
        let (median, p99) = (percentile(&scores.times, 50), percentile(&scores.times, 99));
        println!("{name:<16} {tools:>6} {ndcg:>8.2} {recall:>9.2} {median:>10.1} {p99:>7.1}");

        // The weights were chosen on the first queries; the others show whether they hold beyond.
        let others = dataset.evaluate(&index, QUERIES, usize::MAX);
        if !others.times.is_empty() {
            println!("  the other {} queries: nDCG@10 {:.2}", others.times.len(), others.ndcg_at_10);
        }

        let start = Instant::now();
        let small = dataset.index(SMALL_CATALOGUE);
        let built = start.elapsed().as_secs_f64() * 1e3;
        let median = percentile(&dataset.evaluate(&small, 0, QUERIES).times, 50);
        println!("  {} tools: inserted in {built:.1} ms, median search {median:.1} µs", small.len());
    }
    Ok(())
}

/// In microseconds; `times` are in order.
fn percentile(times: &[Duration], percent: usize) -> f64 {
    times.get(times.len() * percent / 100).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
}
