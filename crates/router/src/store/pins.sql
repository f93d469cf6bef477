-- The tools of servers, as they were when they were first seen or last accepted, and what they have become since. All projects
-- share a toolkit, so that they share its pins.
CREATE TABLE pins (
    toolkit       TEXT NOT NULL,
    operation     TEXT NOT NULL,
    slug          TEXT NOT NULL,
    first_seen    INTEGER NOT NULL,
    accepted      BLOB,
    held          BLOB,
    held_at       INTEGER,
    -- Last, so that the rest of a row is read without them.
    accepted_text TEXT,
    held_text     TEXT,
    PRIMARY KEY (toolkit, operation)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX pins_by_slug ON pins (toolkit, slug);
CREATE INDEX pins_held ON pins (toolkit) WHERE held IS NOT NULL;

-- A grant is for a definition and an account, of which the identity is a hash. Those from before say neither, and end.
DROP TABLE grants;
CREATE TABLE grants (
    session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
    identity   BLOB NOT NULL,
    tool_slug  TEXT NOT NULL,
    PRIMARY KEY (session_id, identity)
) STRICT, WITHOUT ROWID;
