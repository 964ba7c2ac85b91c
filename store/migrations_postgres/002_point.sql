-- What a state in SQLite keeps in two tables is one here.
CREATE VIEW point AS SELECT series, at, value FROM observation;
