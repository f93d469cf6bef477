//! The Python module of composio.
