//! Tool-router session logic and the HTTP backend.
