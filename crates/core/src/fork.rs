//! Telling a process from its forked children, which inherit memory but neither threads nor the right to sockets.

use std::sync::atomic::{AtomicU64, Ordering};

static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Says that this process is a fresh fork. Backends that were built before are left alone and built anew on their
/// next use.
///
/// Safe to call from an at-fork handler: it only counts up an atomic.
pub fn bump() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// How many forks lie between this process and the one that loaded the library.
#[must_use]
pub fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}
