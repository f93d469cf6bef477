-- Until when a call that has begun and not ended is known to be under way: whoever runs it renews this. A call of a process
-- that was killed has passed it.
ALTER TABLE executions ADD COLUMN alive_until INTEGER;
CREATE INDEX executions_by_time ON executions (project, started_at);

-- The first version of a configuration may be gone.
ALTER TABLE sessions ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
-- To within an hour.
ALTER TABLE sessions ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET created_at = COALESCE((SELECT min(c.created_at) FROM session_configs c WHERE c.session_id = sessions.id), 0);
UPDATE sessions SET used_at = COALESCE((SELECT max(c.created_at) FROM session_configs c WHERE c.session_id = sessions.id), 0);
UPDATE sessions SET used_at = (SELECT max(e.started_at) FROM executions e WHERE e.session_id = sessions.id)
    WHERE EXISTS (SELECT 1 FROM executions e WHERE e.session_id = sessions.id AND e.started_at > sessions.used_at);
CREATE INDEX sessions_by_use ON sessions (used_at);

-- What one process at a time does.
CREATE TABLE leases (
    name       TEXT PRIMARY KEY,
    holder     TEXT NOT NULL,
    held_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
