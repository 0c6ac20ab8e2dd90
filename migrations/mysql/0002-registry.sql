-- What has a registered name, and the one row that holds all of it as a document with a version.

CREATE TABLE IF NOT EXISTS guardrail (
  name VARCHAR(63) NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS policy (
  name VARCHAR(63) NOT NULL,
  version BIGINT NOT NULL,
  models MEDIUMTEXT,
  denied_models MEDIUMTEXT NOT NULL,
  guardrails MEDIUMTEXT NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS model (
  name VARCHAR(256) NOT NULL,
  route VARCHAR(63) NOT NULL,
  guardrails MEDIUMTEXT NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS registry (
  id TINYINT NOT NULL,
  version BIGINT NOT NULL,
  document LONGTEXT NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO registry (id, version, document) VALUES (1, 1, '{"policies":[],"guardrails":[],"models":[]}');
