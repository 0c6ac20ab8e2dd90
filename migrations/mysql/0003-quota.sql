-- The hot rows that are charged, and the limits that people set on keys and owners.
-- A quota row has no foreign key, no trigger and no second index: every charge writes it. Its id is never used again.

CREATE TABLE IF NOT EXISTS quota (
  id BIGINT NOT NULL AUTO_INCREMENT,
  amount BIGINT NOT NULL,
  used BIGINT NOT NULL DEFAULT 0,
  window_start BIGINT NOT NULL DEFAULT 0,
  window_end BIGINT NOT NULL DEFAULT 0,
  usable_until BIGINT NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT charge_fits CHECK (used >= 0),
  CHECK (amount >= 0)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS quota_limit (
  id BIGINT NOT NULL AUTO_INCREMENT,
  subject_id VARCHAR(32) NOT NULL,
  unit VARCHAR(16) NOT NULL,
  period VARCHAR(16) NOT NULL,
  zone VARCHAR(64) NOT NULL,
  amount BIGINT NOT NULL,
  quota_id BIGINT NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY quota_limit_subject (subject_id, unit, period, zone)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
