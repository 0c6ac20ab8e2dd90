-- Every change, numbered: the number comes from one row that stays locked until commit, so numbers have no gaps and are in
-- the order of commits. An AUTO_INCREMENT would promise neither, and a reader would miss what commits late.
-- The token is drawn at random with each change: after a restore the same number has another one, and is another change.

CREATE TABLE IF NOT EXISTS change_counter (
  id TINYINT NOT NULL,
  value BIGINT NOT NULL,
  token BIGINT NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB;

INSERT IGNORE INTO change_counter (id, value, token) VALUES (1, 0, 0);

CREATE TABLE IF NOT EXISTS change_feed (
  number BIGINT NOT NULL,
  kind VARCHAR(16) NOT NULL,
  subject VARCHAR(32) NOT NULL,
  token BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  PRIMARY KEY (number)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
