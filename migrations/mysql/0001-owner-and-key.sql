-- Who may call: owners (a tree of at most three levels), their keys, and the digests of the keys' secrets.
-- Times are milliseconds since 1970, UTC. Lists are JSON arrays of strings; models NULL means no restriction.
-- utf8mb4_bin compares byte by byte: the servers' default collations would take `Acme` for `acme`.
-- A step may be run again after it broke half way, because these servers commit each statement by itself.

CREATE TABLE IF NOT EXISTS owner (
  id VARCHAR(32) NOT NULL,
  path VARCHAR(191) NOT NULL,
  parent_id VARCHAR(32),
  disabled TINYINT NOT NULL DEFAULT 0,
  models MEDIUMTEXT,
  denied_models MEDIUMTEXT NOT NULL,
  policies MEDIUMTEXT NOT NULL,
  guardrails MEDIUMTEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY owner_path (path)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS virtual_key (
  id VARCHAR(32) NOT NULL,
  owner_id VARCHAR(32) NOT NULL,
  name VARCHAR(128) NOT NULL,
  hint VARCHAR(16) NOT NULL,
  disabled TINYINT NOT NULL DEFAULT 0,
  revoked_at BIGINT,
  not_before BIGINT,
  expires_at BIGINT,
  models MEDIUMTEXT,
  denied_models MEDIUMTEXT NOT NULL,
  policies MEDIUMTEXT NOT NULL,
  guardrails MEDIUMTEXT NOT NULL,
  quota_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (id),
  KEY virtual_key_owner (owner_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS key_secret (
  hash BINARY(32) NOT NULL,
  key_id VARCHAR(32) NOT NULL,
  not_after BIGINT,
  PRIMARY KEY (hash),
  KEY key_secret_key (key_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
