//! Ranking quality on the data sets under `tests/search`. It is deterministic, so it may be asserted.

mod dataset;

use std::error::Error;
use std::path::Path;

use dataset::Dataset;

/// The nDCG@10 of the first 1,000 queries, in percent, must be at least `least`.
fn assert_ndcg(name: &str, least: f64) -> Result<(), Box<dyn Error>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/search").join(name);
    let dataset = Dataset::load(&directory)?;
    let scores = dataset.evaluate(&dataset.index(dataset.tools.len()), 0, 1_000);
    let (ndcg, recall, queries) = (scores.ndcg_at_10, scores.recall_at_5, scores.times.len());
    assert!(ndcg >= least, "{name}: nDCG@10 {ndcg:.2} < {least}; recall@5 {recall:.2}; {queries} queries");
    Ok(())
}

#[test]
fn metatool_single() -> Result<(), Box<dyn Error>> {
    assert_ndcg("metatool_single", 58.0)
}

#[test]
fn sealtools() -> Result<(), Box<dyn Error>> {
    assert_ndcg("sealtools", 90.0)
}

#[test]
fn stabletoolbench() -> Result<(), Box<dyn Error>> {
    assert_ndcg("stabletoolbench", 70.0)
}

#[test]
fn toolret_apigen() -> Result<(), Box<dyn Error>> {
    assert_ndcg("toolret_apigen", 80.0)
}
