//! The public data sets under `tests/search`: a catalogue of tools, and requests with the tools that serve them.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use composio_search::{Document, Index};
use lzma_rust2::XzReader;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

/// A catalogue and its requests.
pub(crate) struct Dataset {
    pub(crate) tools: Vec<Tool>,
    pub(crate) queries: Vec<Query>,
}

#[derive(Deserialize)]
pub(crate) struct Tool {
    slug: String,
    name: String,
    #[serde(default)]
    toolkit: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    input_schema: Schema,
}

#[derive(Deserialize, Default)]
struct Schema {
    #[serde(default)]
    properties: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
pub(crate) struct Query {
    query: String,
    relevant: Vec<String>,
}

/// Means over the queries, in percent, and how long each search took, shortest first.
#[derive(Debug)]
pub(crate) struct Scores {
    pub(crate) ndcg_at_10: f64,
    pub(crate) recall_at_5: f64,
    pub(crate) times: Vec<Duration>,
}

impl Dataset {
    /// Reads the data set in `directory`.
    pub(crate) fn load(directory: &Path) -> Result<Self, Box<dyn Error>> {
        let read = |file| directory.join(file);
        Ok(Self { tools: lines(&read("tools.jsonl.xz"))?, queries: lines(&read("queries.jsonl.xz"))? })
    }

    /// An index of the first `count` tools.
    pub(crate) fn index(&self, count: usize) -> Index {
        let mut index = Index::new();
        for tool in self.tools.iter().take(count) {
            let parameters: Vec<&str> = tool.input_schema.properties.keys().map(String::as_str).collect();
            index.insert(&Document {
                id: &tool.slug,
                name: &tool.name,
                toolkit: &tool.toolkit,
                description: &tool.description,
                parameters: &parameters,
            });
        }
        index
    }

    /// Searches `index` for each of `count` queries after the first `skip`. A relevant tool counts 1, another 0.
    pub(crate) fn evaluate(&self, index: &Index, skip: usize, count: usize) -> Scores {
        let (mut ndcg, mut recall, mut times) = (0.0, 0.0, Vec::new());
        for query in self.queries.iter().skip(skip).take(count) {
            let start = Instant::now();
            let hits = index.search(&query.query, 10, |_| true);
            times.push(start.elapsed());
            let found = |limit| {
                let hits = hits.iter().take(limit).enumerate();
                hits.filter(|(_, hit)| query.relevant.iter().any(|slug| slug == hit.id)).map(|(rank, _)| rank)
            };
            let gain = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
            let ideal: f64 = (0..query.relevant.len().min(10)).map(gain).sum();
            ndcg += found(10).map(gain).sum::<f64>() / ideal;
            recall += found(5).count() as f64 / query.relevant.len() as f64;
        }
        times.sort_unstable();
        let percent = 100.0 / times.len() as f64;
        Scores { ndcg_at_10: ndcg * percent, recall_at_5: recall * percent, times }
    }
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Box<dyn Error>> {
    let file = File::open(path).map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    let reader = BufReader::new(XzReader::new(file, false));
    reader.lines().map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}
