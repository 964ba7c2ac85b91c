-- The last entry that was cut from the beginning of the audit log: entries up to it may go.
CREATE TABLE audit_anchor (seq BIGINT PRIMARY KEY, hash TEXT NOT NULL);
CREATE FUNCTION audit_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.seq > (SELECT coalesce(max(seq), 0) FROM audit_anchor) THEN
    RAISE EXCEPTION 'the audit log is append-only';
  END IF;
  RETURN OLD;
END $$;
DROP TRIGGER audit_append_only ON audit;
CREATE TRIGGER audit_append_only BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_cut BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse_delete();
