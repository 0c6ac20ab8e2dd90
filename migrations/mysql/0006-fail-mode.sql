-- What becomes of a key's requests while their charge cannot be made: refused (closed) or, a few of them, let through (open).
-- Asked for first: these servers commit each statement by itself, and not all of them know ADD COLUMN IF NOT EXISTS.

SET @add_fail_mode = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE virtual_key ADD COLUMN fail_mode VARCHAR(8) NOT NULL DEFAULT ''closed''', 'DO 0')
  FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'virtual_key' AND column_name = 'fail_mode');

PREPARE add_fail_mode FROM @add_fail_mode;

EXECUTE add_fail_mode;

DEALLOCATE PREPARE add_fail_mode;
