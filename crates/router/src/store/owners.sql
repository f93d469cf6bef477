-- Whose account it is, as far as its API tells. Sealed.
ALTER TABLE accounts ADD COLUMN owner BLOB;
