CREATE TABLE sessions (
    id             TEXT PRIMARY KEY,
    user_id        TEXT NOT NULL,
    custom_tools   TEXT NOT NULL,
    config_version INTEGER NOT NULL,
    revision       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session_configs (
    session_id   TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
    version      INTEGER NOT NULL,
    config       TEXT NOT NULL,
    experimental TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (session_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE approvals (
    state      TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
    tool_slug  TEXT NOT NULL,
    arguments  BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX approvals_by_session ON approvals (session_id);
CREATE INDEX approvals_by_expiry ON approvals (expires_at);

CREATE TABLE grants (
    session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
    tool_slug  TEXT NOT NULL,
    PRIMARY KEY (session_id, tool_slug)
) STRICT, WITHOUT ROWID;

-- No reference to the session: the log outlives it.
CREATE TABLE executions (
    id             TEXT PRIMARY KEY,
    session_id     TEXT NOT NULL,
    user_id        TEXT NOT NULL,
    tool_slug      TEXT NOT NULL,
    status         TEXT NOT NULL,
    error          TEXT,
    arguments_size INTEGER NOT NULL,
    arguments_hash BLOB NOT NULL,
    started_at     INTEGER NOT NULL,
    duration       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX executions_by_session ON executions (session_id, id);
