-- What becomes of a key's requests while their charge cannot be made: refused (closed) or, a few of them, let through (open).

ALTER TABLE virtual_key ADD COLUMN fail_mode TEXT NOT NULL DEFAULT 'closed';
