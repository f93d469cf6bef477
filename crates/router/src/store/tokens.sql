-- Tokens of sessions that are revoked before they lapse. The tokens themselves are signed and kept nowhere. An empty id stands
-- for every token of the session that was made until then.
CREATE TABLE revocations (
    session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
    token_id TEXT NOT NULL,
    revoked_at INTEGER NOT NULL,
    PRIMARY KEY (session_id, token_id)
) STRICT, WITHOUT ROWID;
