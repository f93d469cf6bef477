//! Places for requests that no key let in, of which nobody may take all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;

use crate::problem::Problem;

/// Places for one kind of request.
#[derive(Debug)]
pub(crate) struct Shares {
    limit: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of: HashMap<String, usize>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Arc<Shares>,
    names: Vec<String>,
}

impl Shares {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), taken: Mutex::default() }
    }

    /// A place for one more request, which counts for each of these names. Of each name one in so many of all places may be
    /// taken.
    pub(crate) fn take(self: &Arc<Self>, names: Vec<(String, usize)>) -> Result<Share, Problem> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |(name, part): &(String, usize)| {
            taken.of.get(name).is_some_and(|taken| *taken >= (self.limit / part.max(&1)).max(1))
        };
        if taken.all >= self.limit || names.iter().any(is_full) {
            let message = "too many requests of this kind run already, of one client or of all together";
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "TooManyConcurrentCalls", message)
                .fix("wait until one has ended")
                .retry_after(1));
        }
        taken.all += 1;
        let names: Vec<String> = names.into_iter().map(|(name, _)| name).collect();
        for name in &names {
            *taken.of.entry(name.clone()).or_default() += 1;
        }
        Ok(Share { shares: Arc::clone(self), names })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        for name in &self.names {
            if let Some(count) = taken.of.get_mut(name) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    taken.of.remove(name);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all() {
        let shares = Arc::new(Shares::new(4));
        let take = |name: &str| shares.take(vec![(name.to_owned(), 2)]);
        let first = (take("a").unwrap(), take("a").unwrap());
        assert!(take("a").is_err());
        let second = (take("b").unwrap(), take("b").unwrap());
        assert!(take("c").is_err(), "all are taken");
        drop(first);
        drop((take("a").unwrap(), second));
        assert!(shares.taken.lock().unwrap().of.is_empty());
    }
}
