-- A name is forgotten when no tick refers to it any more: used is not before the last tick that
-- does. Rows of last_tick have a shorter form from now on; those with JSON are read as before.
ALTER TABLE name ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
UPDATE name SET used = (SELECT coalesce(max(tick), 0) FROM tick);
