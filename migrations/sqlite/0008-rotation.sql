-- Of each secret its hint and when it came; of one that a named rotation made, the name's digest, its salt and the grace it gave.
-- From all of it no secret can be had: that takes the name itself. A secret that has ended stays, so that it never comes back.

ALTER TABLE key_secret ADD COLUMN hint TEXT;

ALTER TABLE key_secret ADD COLUMN created_at INTEGER;

ALTER TABLE key_secret ADD COLUMN request BLOB;

ALTER TABLE key_secret ADD COLUMN salt BLOB;

ALTER TABLE key_secret ADD COLUMN grace_ms INTEGER;

CREATE UNIQUE INDEX key_secret_request ON key_secret (request);
