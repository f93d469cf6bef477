-- Counting the sessions of a project reads this index alone.
CREATE INDEX sessions_by_project ON sessions (project);
