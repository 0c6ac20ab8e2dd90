-- What else may be said of traffic: restrictions (paths, networks, hours) as one JSON object, labels as another, both NULL where there
-- are none; and whether refusals of a key, or by a policy, are only told of (shadow) instead of made.

ALTER TABLE owner ADD COLUMN restrictions TEXT;
ALTER TABLE owner ADD COLUMN labels TEXT;
ALTER TABLE virtual_key ADD COLUMN restrictions TEXT;
ALTER TABLE virtual_key ADD COLUMN labels TEXT;
ALTER TABLE virtual_key ADD COLUMN shadow INTEGER NOT NULL DEFAULT 0;
ALTER TABLE policy ADD COLUMN restrictions TEXT;
ALTER TABLE policy ADD COLUMN shadow INTEGER NOT NULL DEFAULT 0;
