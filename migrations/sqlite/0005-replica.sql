-- Who serves: each process says up to which change it has applied all, so that a command can wait for all of them.

CREATE TABLE replica (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  position INTEGER NOT NULL,
  serves_ms INTEGER NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT;
