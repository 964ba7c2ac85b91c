-- The last entry that was cut from the beginning of the audit log: entries up to it may go.
CREATE TABLE audit_anchor (seq INTEGER PRIMARY KEY, hash TEXT NOT NULL);
DROP TRIGGER audit_no_delete;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
WHEN OLD.seq > (SELECT coalesce(max(seq), 0) FROM audit_anchor)
BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
