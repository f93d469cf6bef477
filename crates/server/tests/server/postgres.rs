//! The suite on PostgreSQL.

use crate::running;

/// Runs every other test of this program once more, but for those of the program `composio`, which have files of their own.
#[test]
fn the_whole_suite() {
    running::suite(&["postgres::", "program::"], 20);
}
