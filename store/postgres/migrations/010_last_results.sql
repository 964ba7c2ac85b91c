-- The last results are read by dataset: those of one, and all in parts.
CREATE INDEX last_tick_dataset ON last_tick (dataset);
