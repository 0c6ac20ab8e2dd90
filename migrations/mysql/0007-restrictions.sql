-- What else may be said of traffic: restrictions (paths, networks, hours) as one JSON object, labels as another, both NULL where there
-- are none; and whether refusals of a key, or by a policy, are only told of (shadow) instead of made.
-- Asked for first: these servers commit each statement by itself, and not all of them know ADD COLUMN IF NOT EXISTS.

SET @add_columns = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE owner ADD COLUMN restrictions MEDIUMTEXT, ADD COLUMN labels TEXT', 'DO 0')
  FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'owner' AND column_name = 'restrictions');

PREPARE add_columns FROM @add_columns;

EXECUTE add_columns;

DEALLOCATE PREPARE add_columns;

SET @add_columns = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE virtual_key ADD COLUMN restrictions MEDIUMTEXT, ADD COLUMN labels TEXT, ADD COLUMN shadow TINYINT NOT NULL DEFAULT 0', 'DO 0')
  FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'virtual_key' AND column_name = 'restrictions');

PREPARE add_columns FROM @add_columns;

EXECUTE add_columns;

DEALLOCATE PREPARE add_columns;

SET @add_columns = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE policy ADD COLUMN restrictions MEDIUMTEXT, ADD COLUMN shadow TINYINT NOT NULL DEFAULT 0', 'DO 0')
  FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'policy' AND column_name = 'restrictions');

PREPARE add_columns FROM @add_columns;

EXECUTE add_columns;

DEALLOCATE PREPARE add_columns;
