-- Who serves: each process says up to which change it has applied all, so that a command can wait for all of them.

CREATE TABLE IF NOT EXISTS replica (
  id VARCHAR(32) NOT NULL,
  name VARCHAR(255) NOT NULL,
  position BIGINT NOT NULL,
  serves_ms BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
