CREATE TABLE orders (
  id integer NOT NULL,
  amount numeric(10,2),
  note varchar(20),
  at datetime NOT NULL,
  PRIMARY KEY (id, at),
  KEY orders_note (note)
) PARTITION BY RANGE COLUMNS (at) (
  PARTITION orders_10 VALUES LESS THAN ('2026-03-11'),
  PARTITION orders_11 VALUES LESS THAN ('2026-03-12'),
  PARTITION orders_rest VALUES LESS THAN (MAXVALUE)
);
