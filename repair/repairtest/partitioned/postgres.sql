CREATE TABLE orders (
  id integer NOT NULL,
  amount numeric(10,2) CHECK (amount >= 0),
  note varchar(20),
  at timestamptz NOT NULL,
  PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX orders_note ON orders (note);
CREATE TABLE orders_10 PARTITION OF orders FOR VALUES FROM ('2026-03-10 00:00+00') TO ('2026-03-11 00:00+00');
CREATE TABLE orders_11 PARTITION OF orders FOR VALUES FROM ('2026-03-11 00:00+00') TO ('2026-03-12 00:00+00');
CREATE TABLE orders_rest PARTITION OF orders DEFAULT;
