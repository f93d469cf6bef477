//! One user's folder, which no path or link escapes.

/// One user's folder.
#[derive(Debug)]
pub struct Workspace;
