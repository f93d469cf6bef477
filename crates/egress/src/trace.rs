//! The trace that a call belongs to, and how servers further on hear of it.

use std::sync::OnceLock;

use reqwest::header::HeaderMap;

/// The target of the spans that make up a trace. A subscriber that is for people to read leaves them out.
pub const TRACE_TARGET: &str = "composio::trace";

/// Puts the W3C headers of the current span on a request.
pub type Propagator = fn(&mut HeaderMap);

static PROPAGATOR: OnceLock<Propagator> = OnceLock::new();

/// Says how the current span is told to other servers, for the whole process. Whoever says it first is heeded.
pub fn set_propagator(propagator: Propagator) {
    let _ = PROPAGATOR.set(propagator);
}

/// Puts the headers of the current span on a request, where the process keeps traces at all.
pub fn propagate(headers: &mut HeaderMap) {
    if let Some(propagator) = PROPAGATOR.get() {
        propagator(headers);
    }
}
