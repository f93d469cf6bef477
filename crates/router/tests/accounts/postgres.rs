//! The suite on PostgreSQL.

use crate::running;

/// Runs every other test of this program once more.
#[test]
fn the_whole_suite() {
    running::suite(&["postgres::"], 20);
}
