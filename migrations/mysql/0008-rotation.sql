-- Of each secret its hint and when it came; of one that a named rotation made, the name's digest, its salt and the grace it gave.
-- From all of it no secret can be had: that takes the name itself. A secret that has ended stays, so that it never comes back.
-- Asked for first: these servers commit each statement by itself, and not all of them know ADD COLUMN IF NOT EXISTS.
-- The index comes in a statement of its own: TiDB adds none over a column that the same statement adds.

SET @add_rotation = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE key_secret ADD COLUMN hint VARCHAR(16), ADD COLUMN created_at BIGINT, ADD COLUMN request BINARY(32), ADD COLUMN salt BINARY(16), ADD COLUMN grace_ms BIGINT', 'DO 0')
  FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'key_secret' AND column_name = 'request');

PREPARE add_rotation FROM @add_rotation;

EXECUTE add_rotation;

DEALLOCATE PREPARE add_rotation;

SET @add_request = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE key_secret ADD UNIQUE KEY key_secret_request (request)', 'DO 0')
  FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'key_secret' AND index_name = 'key_secret_request');

PREPARE add_request FROM @add_request;

EXECUTE add_request;

DEALLOCATE PREPARE add_request;
