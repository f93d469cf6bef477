CREATE TABLE accounts (
    project       TEXT NOT NULL,
    id            TEXT NOT NULL,
    user_id       TEXT NOT NULL,
    toolkit       TEXT NOT NULL,
    auth_config   TEXT NOT NULL,
    auth_scheme   TEXT NOT NULL,
    status        TEXT NOT NULL,
    status_reason TEXT,
    alias         TEXT,
    disabled      INTEGER NOT NULL,
    -- Sealed.
    credential    BLOB,
    -- Of the link while the account waits for its user, then of the access token.
    expires_at    INTEGER,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    revision      INTEGER NOT NULL,
    -- Who renews the credential, and until when nobody else may.
    lease_holder  TEXT,
    lease_until   INTEGER,
    PRIMARY KEY (project, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX accounts_by_user ON accounts (project, user_id, toolkit);

-- Links that wait for their user, by the hash of what is in their URL.
CREATE TABLE links (
    hash       BLOB PRIMARY KEY,
    project    TEXT NOT NULL,
    account_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    -- Sealed.
    secret     BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    FOREIGN KEY (project, account_id) REFERENCES accounts ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX links_by_expiry ON links (expires_at);
CREATE INDEX links_by_account ON links (project, account_id);
