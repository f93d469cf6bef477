-- Uploads that were made, so that the URL of one serves once among all processes that share the store.
CREATE TABLE used_tickets (
    id         TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_tickets_by_expiry ON used_tickets (expires_at);
