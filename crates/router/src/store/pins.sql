-- The tools of servers, as they were when they were first seen or last accepted, and what they have become since. All projects
-- share a toolkit, so that they share its pins.
CREATE TABLE pins (
    toolkit       TEXT NOT NULL,
    operation     TEXT NOT NULL,
    slug          TEXT NOT NULL,
    first_seen    INTEGER NOT NULL,
    accepted      BLOB,
    accepted_text TEXT,
    held          BLOB,
    held_text     TEXT,
    held_at       INTEGER,
    PRIMARY KEY (toolkit, operation)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX pins_by_slug ON pins (toolkit, slug);

-- A grant is for a definition and an account, of which the identity is a hash. Those from before say neither, and end.
DROP TABLE grants;
CREATE TABLE grants (
    session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
    identity   BLOB NOT NULL,
    tool_slug  TEXT NOT NULL,
    PRIMARY KEY (session_id, identity)
) STRICT, WITHOUT ROWID;
