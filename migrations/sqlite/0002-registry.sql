-- What has a registered name, and the one row that holds all of it as a document with a version.

CREATE TABLE guardrail (
  name TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE policy (
  name TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  models TEXT,
  denied_models TEXT NOT NULL,
  guardrails TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE model (
  name TEXT NOT NULL PRIMARY KEY,
  route TEXT NOT NULL,
  guardrails TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE registry (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  version INTEGER NOT NULL,
  document TEXT NOT NULL
) STRICT;

INSERT INTO registry (id, version, document) VALUES (1, 1, '{"policies":[],"guardrails":[],"models":[]}');
