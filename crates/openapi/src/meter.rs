//! How much of a document is read again and again, which its references decide.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Refused;

/// Bytes that were read, and how many may be. Those who read at the same time share what is allowed: it is far more than any one
/// of them needs.
#[derive(Debug)]
pub(crate) struct Meter {
    spent: AtomicU64,
    limit: AtomicU64,
}

impl Meter {
    /// A meter with so many bytes to begin with.
    pub(crate) fn new(bytes: u64) -> Self {
        Self { spent: AtomicU64::new(0), limit: AtomicU64::new(bytes) }
    }

    /// Lets so many bytes be read from now on.
    pub(crate) fn allow(&self, bytes: u64) {
        self.limit.fetch_max(self.spent().saturating_add(bytes), Ordering::Relaxed);
    }

    /// Bytes read so far.
    pub(crate) fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }

    /// Counts bytes that are about to be read.
    pub(crate) fn charge(&self, bytes: usize) -> Result<(), Refused> {
        let bytes = bytes as u64;
        let before = self.spent.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.limit.load(Ordering::Relaxed) {
            return Err(Refused::new("it refers to large parts of the document too often"));
        }
        Ok(())
    }
}
