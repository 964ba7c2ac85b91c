CREATE TABLE repair (
  id TEXT PRIMARY KEY, key TEXT NOT NULL, check_id TEXT NOT NULL, state TEXT NOT NULL, final INTEGER NOT NULL,
  version INTEGER NOT NULL, -- grows with every transition: a writer that has not seen the last one is refused
  fence INTEGER NOT NULL, holder TEXT NOT NULL, lease INTEGER NOT NULL, -- who carries it out, and until when
  created INTEGER NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX repair_active ON repair (key) WHERE final = 0;
CREATE INDEX repair_check ON repair (check_id, created);

-- Append-only: hash covers the entry and the hash before it.
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, what TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL, hash TEXT NOT NULL
);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;

CREATE TABLE breaker (name TEXT PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
