-- The hot rows that are charged, and the limits that people set on keys and owners.
-- A quota row has no foreign key, no trigger and no second index: every charge writes it. Its id is never used again.

CREATE TABLE quota (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  amount INTEGER NOT NULL CHECK (amount >= 0),
  used INTEGER NOT NULL DEFAULT 0 CONSTRAINT charge_fits CHECK (used >= 0),
  window_start INTEGER NOT NULL DEFAULT 0,
  window_end INTEGER NOT NULL DEFAULT 0,
  usable_until INTEGER NOT NULL
) STRICT;

CREATE TABLE quota_limit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  subject_id TEXT NOT NULL,
  unit TEXT NOT NULL,
  period TEXT NOT NULL,
  zone TEXT NOT NULL,
  amount INTEGER NOT NULL,
  quota_id INTEGER NOT NULL,
  UNIQUE (subject_id, unit, period, zone)
) STRICT;
