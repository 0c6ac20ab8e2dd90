-- Every change, numbered in the order of commits without gaps: the counter is raised in the transaction of the change.
-- The token is drawn at random with each change: after a restore the same number has another one, and is another change.

CREATE TABLE change_counter (
  id INTEGER PRIMARY KEY,
  value INTEGER NOT NULL,
  token INTEGER NOT NULL
) STRICT;

INSERT INTO change_counter (id, value, token) VALUES (1, 0, 0);

CREATE TABLE change_feed (
  number INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  token INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
