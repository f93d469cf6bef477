-- What was stored before there were projects belongs to the default one.
ALTER TABLE sessions ADD COLUMN project TEXT NOT NULL DEFAULT 'default';
ALTER TABLE executions ADD COLUMN project TEXT NOT NULL DEFAULT 'default';

CREATE TABLE keys (
    id         TEXT PRIMARY KEY,
    project    TEXT NOT NULL,
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- What processes that share the store sign with.
CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
