-- Who may call: owners (a tree of at most three levels), their keys, and the digests of the keys' secrets.
-- Times are milliseconds since 1970, UTC. Lists are JSON arrays of strings; models NULL means no restriction.

CREATE TABLE owner (
  id TEXT NOT NULL PRIMARY KEY,
  path TEXT NOT NULL UNIQUE,
  parent_id TEXT,
  disabled INTEGER NOT NULL DEFAULT 0,
  models TEXT,
  denied_models TEXT NOT NULL,
  policies TEXT NOT NULL,
  guardrails TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE virtual_key (
  id TEXT NOT NULL PRIMARY KEY,
  owner_id TEXT NOT NULL,
  name TEXT NOT NULL,
  hint TEXT NOT NULL,
  disabled INTEGER NOT NULL DEFAULT 0,
  revoked_at INTEGER,
  not_before INTEGER,
  expires_at INTEGER,
  models TEXT,
  denied_models TEXT NOT NULL,
  policies TEXT NOT NULL,
  guardrails TEXT NOT NULL,
  quota_id INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX virtual_key_owner ON virtual_key (owner_id);

CREATE TABLE key_secret (
  hash BLOB NOT NULL PRIMARY KEY,
  key_id TEXT NOT NULL,
  not_after INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX key_secret_key ON key_secret (key_id);
