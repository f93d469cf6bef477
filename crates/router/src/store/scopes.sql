-- What an account's API has asked for beside what everybody is asked for; between spaces.
ALTER TABLE accounts ADD COLUMN extra_scopes TEXT NOT NULL DEFAULT '';
