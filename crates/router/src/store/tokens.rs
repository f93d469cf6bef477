//! Revoked tokens.

/// A token of a session, or all of them, that opens nothing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The token's id; empty for every token of the session that was made until [`Revocation::revoked_at`].
    pub token_id: String,
    /// Milliseconds since 1970.
    pub revoked_at: i64,
}

impl Revocation {
    /// Whether it is of the token with this id, made at this time.
    #[must_use]
    pub fn is_of(&self, token_id: &str, made_at: i64) -> bool {
        if self.token_id.is_empty() { made_at <= self.revoked_at } else { self.token_id == token_id }
    }
}
