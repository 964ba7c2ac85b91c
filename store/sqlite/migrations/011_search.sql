-- What was decided is found by its subject and its time, and repairs by their time.
CREATE INDEX audit_subject ON audit (subject, seq);
CREATE INDEX audit_at ON audit (at, seq);
CREATE INDEX repair_created ON repair (created, id);

-- When a label was set (0: before that was kept), and the incident that was a false alarm ('': none).
ALTER TABLE label ADD COLUMN set_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE label ADD COLUMN incident TEXT NOT NULL DEFAULT '';
